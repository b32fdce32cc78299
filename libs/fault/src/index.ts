export type { FaultCode, FaultRow } from './fault-table.js';
export { Fault, toFault, type FaultDetails } from './fault.js';
export { toProblem, type Problem } from './problem.js';
