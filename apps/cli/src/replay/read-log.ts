import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseAccessLogLine } from './parse-access-log.js';
import { parseEdgarLine } from './parse-edgar.js';
import type { LogEntry, ParseLine, SkippedLine } from './log-entry.js';

/** A log in memory: what can be replayed, in order of time, and what cannot. */
export interface RecordedLog {
  readonly entries: readonly LogEntry[];
  readonly skipped: readonly SkippedLine[];
}

export interface ReadLogOptions {
  /** Stop after so many lines that can be replayed. */
  readonly limit: number;
  /** Why the gateway would refuse a target before any stage; undefined if it would not. */
  readonly findProblem: (target: string) => string | undefined;
}

const lineCharsMax = 65_536;

/**
 * Reads a whole log, Common, Combined or EDGAR by its first line, and orders it by time: recorded lines are written
 * when an answer ends, so a log is not.
 * @throws the file's error (ENOENT, EACCES, EISDIR)
 */
export async function readLog(file: string, { limit, findProblem }: ReadLogOptions): Promise<RecordedLog> {
  const entries: LogEntry[] = [];
  const skipped: SkippedLine[] = [];
  const lines = createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Infinity });
  let line = 0;
  let parse: ParseLine = parseAccessLogLine;
  for await (const text of lines) {
    line += 1;
    if (line === 1 && text.startsWith('ip,date,')) parse = parseEdgarLine;
    const parsed = text.length > lineCharsMax ? { line, reason: 'longer than 64 KiB' } : parse(text, line);
    if (parsed === undefined) continue;
    const refused = 'reason' in parsed ? parsed : refuse(parsed, findProblem);
    if (refused !== undefined) skipped.push(refused);
    else entries.push(parsed as LogEntry);
    if (entries.length >= limit) break;
  }
  lines.close();
  // Stable, so requests of one second stay in the order of the file.
  return { entries: entries.sort((a, b) => a.atMs - b.atMs), skipped };
}

function refuse({ line, target }: LogEntry, findProblem: ReadLogOptions['findProblem']): SkippedLine | undefined {
  const problem = findProblem(target);
  return problem === undefined ? undefined : { line, reason: `the gateway refuses the target: ${problem}` };
}
