import { Fault } from '@tidegate/fault';
import type { RequestHead } from '@tidegate/pipeline';
import { normaliseTarget, type TargetRules } from '@tidegate/routing';
import { parseAuthority } from './parse-authority.js';
import type { RequestFields } from './request-fields.js';

/** What the parser made of a request line. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

/** Sizes of a head (gateway/H6). */
export interface HeadLimits {
  readonly requestLineBytesMax: number;
  readonly fieldBytesMax: number;
  readonly fieldCountMax: number;
}

export interface HeadRules extends HeadLimits {
  readonly target: TargetRules;
}

const allow = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Methods a gateway never takes, whatever the routes say (gateway/H1). */
export const neverAllowed = (method: string): Fault =>
  new Fault('method-not-allowed', `method ${method}`, { fields: ['allow', allow] });

/** Checks the framing and the target of a head (gateway/H1, H6, R3); a Fault when it must not reach a stage. */
export function parseRequestHead(line: RequestLine, read: RequestFields, rules: HeadRules): RequestHead | Fault {
  if (line.major !== 1 || line.minor > 1) return new Fault('version-not-supported', `HTTP/${line.major}.${line.minor}`);
  const isOld = line.minor === 0;
  const problem = findSizeProblem(line, read, rules) ?? findFramingProblem(read, isOld);
  if (problem !== undefined) return problem;
  const { method, target } = line;
  if (method === 'TRACE' || method === 'CONNECT') return neverAllowed(method);
  if (read.expect !== undefined && !isOld && read.expect.toLowerCase() !== '100-continue') {
    return new Fault('expectation-failed', `expectation ${read.expect}`);
  }
  const host = readHost(read, isOld);
  if (typeof host !== 'string') return host;
  if (target.charCodeAt(0) === 0x2f) return toHead({ line, read, authority: host, target, rules });
  if (target === '*') return toAsteriskHead(line, read, host);
  return toAbsoluteHead(line, read, rules);
}

function findSizeProblem(line: RequestLine, read: RequestFields, rules: HeadRules): Fault | undefined {
  // Two spaces, HTTP/1.x and CRLF stand beside method and target.
  const lineBytes = line.method.length + line.target.length + 12;
  if (lineBytes > rules.requestLineBytesMax) return new Fault('uri-too-long', `request line of ${lineBytes} bytes`);
  if (read.count > rules.fieldCountMax) return new Fault('fields-too-large', `${read.count} fields`);
  if (read.bytes > rules.fieldBytesMax) return new Fault('fields-too-large', `fields of ${read.bytes} bytes`);
  return undefined;
}

function findFramingProblem(read: RequestFields, isOld: boolean): Fault | undefined {
  if (read.transferEncodingCount > 0) {
    if (isOld) return malformed('Transfer-Encoding is not part of HTTP/1.0.');
    if (read.contentLengthCount > 0) return malformed('Content-Length and Transfer-Encoding exclude each other.');
    if (read.transferEncodingCount > 1 || read.transferEncoding?.toLowerCase() !== 'chunked') {
      return malformed('The only transfer coding understood is "chunked".');
    }
  }
  if (read.contentLengthCount === 0) return undefined;
  const isLength = read.contentLengthCount === 1 && /^\d{1,15}$/.test(read.contentLength ?? '');
  return isLength ? undefined : malformed('Content-Length must be one number.');
}

function readHost(read: RequestFields, isOld: boolean): string | Fault {
  if (read.hostCount === 1) return parseAuthority(read.host ?? '') ?? malformed('Host must be one host name or address.');
  if (read.hostCount > 1) return malformed('There must be one Host field.');
  return isOld ? '' : malformed('HTTP/1.1 requires a Host field.');
}

interface HeadParts {
  readonly line: RequestLine;
  readonly read: RequestFields;
  readonly authority: string;
  /** In origin form. */
  readonly target: string;
  readonly rules: HeadRules;
}

function toHead({ line, read, authority, target, rules }: HeadParts): RequestHead | Fault {
  const normal = normaliseTarget(target, rules.target);
  if ('problem' in normal) return malformed(normal.problem);
  return {
    method: line.method,
    scheme: 'http',
    authority,
    path: normal.path,
    query: normal.query,
    httpVersion: line.minor === 1 ? '1.1' : '1.0',
    fields: read.fields,
  };
}

function toAsteriskHead(line: RequestLine, read: RequestFields, authority: string): RequestHead | Fault {
  if (line.method !== 'OPTIONS') return malformed('Only OPTIONS can be sent to "*".');
  const httpVersion = line.minor === 1 ? '1.1' : '1.0';
  return { method: line.method, scheme: 'http', authority, path: '*', query: '', httpVersion, fields: read.fields };
}

/** `GET http://host/path`: its authority beats Host (RFC 9112 section 3.2.2). */
function toAbsoluteHead(line: RequestLine, read: RequestFields, rules: HeadRules): RequestHead | Fault {
  const { target } = line;
  if (target.slice(0, 7).toLowerCase() !== 'http://') return malformed('The target must be a path or an http URI.');
  const end = endOfAuthority(target);
  const authority = parseAuthority(target.slice(7, end));
  if (authority === undefined) return malformed('The target names no valid host.');
  const rest = target.slice(end);
  return toHead({ line, read, authority, target: rest.startsWith('/') ? rest : `/${rest}`, rules });
}

function endOfAuthority(target: string): number {
  for (let i = 7; i < target.length; i += 1) {
    const code = target.charCodeAt(i);
    if (code === 0x2f || code === 0x3f || code === 0x23) return i;
  }
  return target.length;
}

const malformed = (detail: string): Fault => new Fault('bad-request', detail, { detail });
