import { STATUS_CODES } from 'node:http';
import { Fault } from '@tidegate/fault';
import type { Peer } from '@tidegate/pipeline';
import { buildProblemBody } from '../send-problem.js';

/** A request that was answered before any stage (gateway/H1). */
export interface Refusal {
  readonly fault: Fault;
  readonly requestId: string;
  /** '' when the request line could not be read. */
  readonly method: string;
  readonly target: string;
  readonly peer: Peer;
  /** Of the head, about: what of it was read. */
  readonly bytes: number;
  readonly startedAtMs: number;
  readonly hadRequestLine: boolean;
}

/** What Node tells of a parser error. */
export interface ParserError extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** What could be read of a head the parser gave up on. */
export interface ReadLine {
  readonly method: string;
  readonly target: string;
  readonly bytes: number;
  readonly isLineRead: boolean;
}

export const unreadLine: ReadLine = { method: '', target: '', bytes: 0, isLineRead: false };

const requestLine = /^(?:\r?\n)*([A-Z-]{1,20}) +(\S{1,8192}) +HTTP\/\d\.\d\r\n/;

/** Errors that come before the end of the request line. */
const lineErrors = new Set(['HPE_INVALID_METHOD', 'HPE_INVALID_URL', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_VERSION', 'HPE_PAUSED_H2_UPGRADE']);

/** The request line, if the packet in which the parser gave up begins with it. */
export function readRequestLine(error: ParserError): ReadLine {
  const bytes = error.rawPacket?.length ?? 0;
  const match = requestLine.exec(failedHead(error));
  if (match !== null) return { method: match[1] ?? '', target: match[2] ?? '', bytes, isLineRead: true };
  const isHeadError = error.code?.startsWith('HPE_') === true && !lineErrors.has(error.code);
  return { method: '', target: '', bytes, isLineRead: isHeadError && error.code !== 'HPE_HEADER_OVERFLOW' };
}

/** The packet from where the head that failed begins, as far as that can be told. */
function failedHead({ rawPacket, bytesParsed = 0 }: ParserError): string {
  if (rawPacket === undefined) return '';
  const before = rawPacket.lastIndexOf('\r\n\r\n', Math.max(0, bytesParsed - 4));
  const start = before < 0 || before > bytesParsed - 4 ? 0 : before + 4;
  return rawPacket.toString('latin1', start, start + 8_300);
}

/** The fault a parser error is answered with (gateway/H1, H6, H7). */
export function toParserFault(error: ParserError): Fault {
  const internal = `${error.code ?? error.name}: ${error.reason ?? error.message}`;
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Fault(isInsideLine(error) ? 'uri-too-long' : 'fields-too-large', internal);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Fault('request-timeout', internal);
    case 'HPE_PAUSED_H2_UPGRADE':
      return new Fault('version-not-supported', internal);
    case 'HPE_INVALID_VERSION':
      return new Fault(error.reason === 'Invalid HTTP version' ? 'version-not-supported' : 'bad-request', internal);
    default:
      return new Fault('bad-request', internal);
  }
}

/** True when nothing in the packet looks like the end of a request line. */
function isInsideLine({ rawPacket, bytesParsed = 0 }: ParserError): boolean {
  return rawPacket !== undefined && !rawPacket.subarray(0, bytesParsed + 1).includes('\r\n');
}

/** A whole answer for a request without a response object. */
export function buildRawAnswer(fault: Fault, requestId: string, { isHead, fields: common }: { isHead: boolean; fields: readonly string[] }): Buffer {
  const body = buildProblemBody(fault, requestId);
  let head = `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? 'Error'}\r\nx-request-id: ${requestId}\r\n`;
  const fields = [...(fault.details.fields ?? []), ...common];
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  head += `content-type: application/problem+json\r\ncontent-length: ${body.length}\r\n`;
  head += `Date: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), isHead ? Buffer.alloc(0) : body]);
}
