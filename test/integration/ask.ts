import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Question {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly fields?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
  /** A connection pool of one's own; by default every request has a new connection. */
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  /** Field names in their spelling and order on the wire. */
  readonly rawFields: readonly string[];
  readonly body: string;
}

/** One request and its whole answer; rejects when there is none, or it breaks off. */
export function ask({ port, path, method = 'GET', fields = {}, body, agent }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers: fields as Record<string, string | string[]>, agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, fields: response.headers, rawFields: response.rawHeaders, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.once('error', reject);
    call.end(body);
  });
}

/** The members of a problem+json answer (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly requestId: string;
  readonly [member: string]: unknown;
}

export const problemOf = ({ body }: Answer): Problem => JSON.parse(body) as Problem;
