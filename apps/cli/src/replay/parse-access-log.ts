import { replayableMethods, targetProblem, type LogEntry, type SkippedLine } from './log-entry.js';

const common = /^(\S+) \S+ (?:\S+|"[^"]*") \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?/;
const clock = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Reads a line of the Common or Combined Log Format (Apache HTTP Server, mod_log_config). */
export function parseAccessLogLine(text: string, line: number): LogEntry | SkippedLine | undefined {
  if (text.trim() === '') return undefined;
  const match = common.exec(text);
  if (match === null) return { line, reason: 'not a line of the Common or Combined Log Format' };
  const [, client = '', time = '', request = '', status = '', bytes = '', , userAgent = ''] = match;
  const atMs = parseLogTime(time);
  if (atMs === undefined) return { line, reason: 'the time is not readable' };
  const [method = '', target = '', version, ...rest] = request.split(' ');
  if (rest.length > 0 || version?.startsWith('HTTP/') !== true) return { line, reason: 'the request line is not METHOD TARGET HTTP/x.y' };
  if (!replayableMethods.has(method)) return { line, reason: `the method ${method.slice(0, 20)} is not replayed` };
  const problem = targetProblem(target);
  if (problem !== undefined) return { line, reason: problem };
  return { line, client, atMs, method, target, status: Number(status) || 200, bytes: Number(bytes) || 0, userAgent };
}

/** `17/May/2015:10:05:03 +0000` as milliseconds since the epoch. */
export function parseLogTime(text: string): number | undefined {
  const match = clock.exec(text);
  if (match === null) return undefined;
  const [, day, month = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = match;
  const at = Date.UTC(Number(year), months.indexOf(month), Number(day), Number(hour), Number(minute), Number(second));
  const zoneMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return months.includes(month) && Number.isFinite(at) ? at - zoneMs : undefined;
}
