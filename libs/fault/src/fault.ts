import { faultTable, type FaultCode, type FaultRow } from './fault-table.js';

/** What a fault may carry besides its code. */
export interface FaultDetails {
  /** Public text in place of the table's; the same rules hold for it. */
  readonly detail?: string;
  /** Fields of the answer, e.g. ['allow', 'GET, HEAD'] or ['retry-after', '3']; lower-case names, flat. */
  readonly fields?: readonly string[];
  /** Members added to the problem document, e.g. { 'violated-policies': ['burst'] }. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Problem type in place of urn:problem-type:tidegate:<code> (limiter/H4). */
  readonly type?: string;
  /** Status in place of the table's, for codes that have two (temporary-reduced-capacity: 429 or 503). */
  readonly status?: number;
  readonly cause?: unknown;
}

/** Something broke or was refused: a code of the closed table, an internal text for the log, and public details. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly details: FaultDetails;

  /**
   * @param code row of the table
   * @param internal text for the log; may name hosts and peers, never a secret
   * @param details public parts of the answer
   */
  constructor(code: FaultCode, internal: string, details: FaultDetails = {}) {
    const { stackTraceLimit } = Error;
    // Only an internal fault is logged with its stack; taking one is a fifth of what a denied request costs.
    if (code !== 'internal') Error.stackTraceLimit = 0;
    super(internal, details.cause === undefined ? undefined : { cause: details.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.details = details;
  }

  get row(): FaultRow {
    return faultTable[this.code];
  }

  get status(): number {
    return this.details.status ?? this.row.status;
  }
}

/** Any thrown value as a Fault: unknown ones become `internal` and keep their cause, which only the log shows. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new Fault('internal', text, { cause: thrown });
}
