/** One request of a recorded log. */
export interface LogEntry {
  /** Line of the file, from 1. */
  readonly line: number;
  /** Client as the log names it: an address, a host name, or an address whose last octet is masked by letters. */
  readonly client: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly method: string;
  /** Path and query as recorded. */
  readonly target: string;
  readonly status: number;
  /** Bytes of the body; 0 where the log has `-`. */
  readonly bytes: number;
  readonly userAgent: string;
}

/** A line that cannot be replayed, and why. */
export interface SkippedLine {
  readonly line: number;
  readonly reason: string;
}

/** Reads one line; undefined for a header or an empty line. */
export type ParseLine = (text: string, line: number) => LogEntry | SkippedLine | undefined;

/** Methods a replay sends. */
export const replayableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Why a recorded target cannot be sent in a request line, or undefined if it can. */
export function targetProblem(target: string): string | undefined {
  if (!target.startsWith('/')) return 'the target is not a path';
  if (!/^[\x21-\x7e]+$/.test(target)) return 'the target holds bytes no request line may hold';
  return target.length > 7_000 ? 'the target is longer than 7,000 bytes' : undefined;
}
