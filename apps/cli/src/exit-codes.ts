/** Exit codes of the command, after sysexits.h. */
export const exitCodes = {
  ok: 0,
  /** The command was carried out and its answer is "no". */
  failed: 1,
  /** Wrong command line or configuration. */
  usage: 64,
  /** Something it needs is not there: a port is taken, a service does not answer. */
  unavailable: 69,
  /** May work later: another process holds a file. */
  temporary: 75,
} as const;
