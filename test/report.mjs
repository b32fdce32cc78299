// Prints the closing line of a run from vitest's JSON report: "N passed, N failed, N skipped". Exit 1 when none ran.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
process.exitCode = report.numPassedTests === 0 || report.numFailedTests > 0 ? 1 : 0;
