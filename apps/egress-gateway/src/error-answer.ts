import type { Fault } from '@tidegate/fault';

/** Server errors count against an upstream, client errors do not (gateway/U4). */
export const isErrorAnswer = (status: number): boolean => status >= 500;

/** A body that broke on the upstream's side, not because the client left or sent too much. */
export function countsAgainstUpstream({ code }: Fault): boolean {
  return code === 'upstream-bad-response' || code === 'upstream-timeout' || code === 'upstream-unreachable';
}
