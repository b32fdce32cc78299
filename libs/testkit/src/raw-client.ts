import { connect, type Socket } from 'node:net';

/** One answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Status line and fields, without the empty line. */
  readonly head: string;
  readonly body: string;
  /** How the body's end was told. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
}

/** A client that sends raw bytes and takes answers apart, for what no HTTP client would send. */
export class RawClient {
  readonly socket: Socket;
  /** Complete answers so far, 1xx included. */
  readonly answers: RawAnswer[] = [];
  /** Everything received. */
  received = '';
  isClosed = false;
  /** How the connection ended: `end` by a FIN, or an error's code. */
  ending: string | undefined;
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;
  #rest = '';
  #waiting: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => this.#take(text));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.ending ??= error.code));
    this.socket.on('end', () => (this.ending ??= 'end'));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  write(bytes: string | Buffer): void {
    if (this.socket.writable) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Final answers so far, without 1xx. */
  get finals(): RawAnswer[] {
    return this.answers.filter(({ status }) => status >= 200);
  }

  /** Resolves when so many final answers came, or the connection closed. */
  async untilAnswers(count: number): Promise<void> {
    await this.until(() => this.finals.length >= count);
  }

  /** Sends the requests one after another, each when the one before was answered. */
  async untilAnswersTo(...requests: string[]): Promise<void> {
    for (const request of requests) {
      const due = this.finals.length + 1;
      this.write(request);
      await this.untilAnswers(due);
    }
  }

  /** Resolves when the condition holds after something was received, or the connection closed. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.isClosed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(text: string): void {
    this.received += text;
    this.#rest += text;
    for (let used = parseAnswer(this.#rest, this.answers); used > 0; used = parseAnswer(this.#rest, this.answers)) {
      this.#rest = this.#rest.slice(used);
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Adds the answer at the begin of the text; how many characters it takes, 0 when it is not complete. */
function parseAnswer(text: string, answers: RawAnswer[]): number {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  const from = end + 4;
  if (status < 200 || status === 204 || status === 304 || /\r\nx-no-body:/i.test(head)) {
    answers.push({ status, head, body: '', framing: 'none' });
    return from;
  }
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const to = from + Number(length);
    if (text.length < to) return 0;
    answers.push({ status, head, body: text.slice(from, to), framing: 'length' });
    return to;
  }
  return parseChunked({ text, from, status, head }, answers);
}

interface Chunked {
  readonly text: string;
  readonly from: number;
  readonly status: number;
  readonly head: string;
}

function parseChunked({ text, from, status, head }: Chunked, answers: RawAnswer[]): number {
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return 0;
  let body = '';
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return 0;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return 0;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const trailerEnd = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4;
  if (trailerEnd < at + 2 || text.length < trailerEnd) return 0;
  answers.push({ status, head, body, framing: 'chunked' });
  return trailerEnd;
}
