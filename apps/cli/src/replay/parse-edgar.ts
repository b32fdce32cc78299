import { targetProblem, type LogEntry, type SkippedLine } from './log-entry.js';

/** First columns of the SEC's EDGAR log file data set. */
export const edgarHeader = 'ip,date,time,zone,cik,accession,extention,code,size';

/** Reads a line of an EDGAR log: numbers are written `200.0`, sizes may be empty, the last octet of an address is letters. */
export function parseEdgarLine(text: string, line: number): LogEntry | SkippedLine | undefined {
  if (text.trim() === '' || text.startsWith('ip,date,')) return undefined;
  const columns = text.split(',');
  if (columns.length < 9) return { line, reason: 'fewer than 9 columns' };
  const [client = '', date = '', time = '', , cik = '', accession = '', extension = '', code = '', size = ''] = columns;
  const atMs = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(atMs)) return { line, reason: 'the time is not readable' };
  if (client === '') return { line, reason: 'no client' };
  const status = Math.trunc(Number(code));
  if (!(status >= 200 && status <= 599)) return { line, reason: 'the status is not one of a final answer' };
  // As the archive names a document: the extension alone stands for <accession><extension>.
  const document = extension.startsWith('.') || extension.startsWith('-') ? `${accession}${extension}` : extension;
  const target = `/Archives/edgar/data/${Math.trunc(Number(cik)) || 0}/${accession}/${document}`;
  const problem = targetProblem(target);
  if (problem !== undefined) return { line, reason: problem };
  return { line, client, atMs, method: 'GET', target, status, bytes: Math.trunc(Number(size)) || 0, userAgent: '' };
}
