import { Fault } from '@tidegate/fault';
import type { ResponseSink } from '@tidegate/pipeline';
import { describe, expect, it } from 'vitest';
import { HeldAnswer } from './held-answer.js';

/** A sink that notes what a client has by now. */
function clientSink() {
  const seen: string[] = [];
  const sink = {
    status: 0,
    bodyBytes: 0,
    isFinished: false,
    get isStarted() {
      return this.status !== 0;
    },
    informational: () => undefined,
    start(head: { status: number }) {
      this.status = head.status;
      seen.push(`head ${head.status}`);
    },
    write(chunk: Uint8Array) {
      this.bodyBytes += chunk.length;
      seen.push(Buffer.from(chunk).toString());
      return true;
    },
    onDrain: () => undefined,
    end() {
      this.isFinished = true;
      seen.push('end');
    },
    abort() {
      this.isFinished = true;
      seen.push('abort');
    },
  };
  return { sink: sink satisfies ResponseSink, seen };
}

describe('HeldAnswer (analytics/N1: the event is on disk before the answer is complete)', () => {
  it('passes all but the chunk that fills the announced length, and reports it as answered', () => {
    const { sink, seen } = clientSink();
    const answer = new HeldAnswer(sink, false);
    answer.start({ status: 200, fields: ['content-length', '4'] });
    answer.write(Buffer.from('ab'));
    answer.write(Buffer.from('cd'));
    answer.end();
    expect(seen).toEqual(['head 200', 'ab']);
    expect(answer).toMatchObject({ isFinished: true, status: 200, bodyBytes: 4 });
    answer.release();
    expect(seen).toEqual(['head 200', 'ab', 'cd', 'end']);
  });

  it('delays no chunk of a stream, only its end', () => {
    const { sink, seen } = clientSink();
    const answer = new HeldAnswer(sink, false);
    answer.start({ status: 200, fields: [] });
    answer.write(Buffer.from('event 1'));
    expect(seen).toEqual(['head 200', 'event 1']);
    answer.end();
    expect(seen).toEqual(['head 200', 'event 1']);
    answer.release();
    expect(seen).toEqual(['head 200', 'event 1', 'end']);
  });

  it.each([
    ['HEAD', true, 200, ['content-length', '9']],
    ['204', false, 204, []],
    ['304', false, 304, ['etag', '"a"']],
    ['an empty body', false, 200, ['content-length', '0']],
  ])('holds the head where nothing follows it: %s', (_name, isHead, status, fields) => {
    const { sink, seen } = clientSink();
    const answer = new HeldAnswer(sink, isHead);
    answer.start({ status, fields });
    answer.end();
    expect(seen).toEqual([]);
    expect(answer).toMatchObject({ isStarted: true, isFinished: true, status });
    answer.release();
    expect(seen).toEqual([`head ${status}`, 'end']);
  });

  it('releases nothing of an answer that was cut', () => {
    const { sink, seen } = clientSink();
    const answer = new HeldAnswer(sink, false);
    answer.start({ status: 200, fields: [] });
    answer.abort(new Fault('upstream-bad-response', 'died'));
    answer.release();
    expect(seen).toEqual(['head 200', 'abort']);
  });
});
