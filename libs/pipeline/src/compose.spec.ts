import { Fault } from '@tidegate/fault';
import { describe, expect, it } from 'vitest';
import { Cancellation, compose, fieldValue, fieldValues, withoutFields, type Exchange, type Stage } from './index.js';

const exchangeOf = (): Exchange => ({ stageEnteredAtMs: [] }) as unknown as Exchange;

describe('compose', () => {
  it('runs stages in order, each round the rest, and notes when each was entered', async () => {
    const seen: string[] = [];
    const stage = (name: string): Stage<Exchange> => {
      const run: Stage<Exchange> = async (_, next) => {
        seen.push(`${name}>`);
        await next();
        seen.push(`<${name}`);
      };
      return Object.defineProperty(run, 'name', { value: name });
    };
    let now = 0;
    const pipeline = compose([stage('a'), stage('b'), stage('c')], () => (now += 1));
    const exchange = exchangeOf();
    await pipeline(exchange);
    expect(seen).toEqual(['a>', 'b>', 'c>', '<c', '<b', '<a']);
    expect(pipeline.stageNames).toEqual(['a', 'b', 'c']);
    expect(exchange.stageEnteredAtMs).toEqual([1, 2, 3]);
  });

  it('a stage that does not call next answers alone, and a thrown fault reaches the stages before it', async () => {
    const caught: unknown[] = [];
    const rescue: Stage<Exchange> = async (_, next) => next().catch((error: unknown) => void caught.push(error));
    const deny: Stage<Exchange> = () => Promise.reject(new Fault('forbidden', 'no'));
    const never: Stage<Exchange> = () => { throw new Error('reached'); };
    await compose([rescue, deny, never], () => 0)(exchangeOf());
    expect(caught).toMatchObject([{ code: 'forbidden' }]);
  });

  it('refuses at start what is no named function or stands twice', () => {
    const twice: Stage<Exchange> = async (_, next) => next();
    expect(() => compose([twice, twice], () => 0)).toThrow('twice');
    expect(() => compose([(() => async () => undefined)()], () => 0)).toThrow('named');
    expect(() => compose(['text' as unknown as Stage<Exchange>], () => 0)).toThrow('function');
  });
});

describe('Cancellation', () => {
  it('fires once, tells late listeners at once, and forgets those taken away', () => {
    const cancellation = new Cancellation();
    const calls: string[] = [];
    cancellation.onCancel(() => calls.push('kept'));
    cancellation.onCancel(() => calls.push('gone'))();
    cancellation.cancel(new Fault('client-closed', 'left'));
    cancellation.cancel(new Fault('internal', 'second'));
    cancellation.onCancel(() => calls.push('late'));
    expect(calls).toEqual(['kept', 'late']);
    expect(cancellation.reason?.code).toBe('client-closed');
  });
});

describe('fields', () => {
  const fields = ['a', '1', 'b', '2', 'a', '3'];
  it('finds the first, all, and copies without some', () => {
    expect(fieldValue(fields, 'a')).toBe('1');
    expect(fieldValue(fields, '1')).toBeUndefined();
    expect(fieldValues(fields, 'a')).toEqual(['1', '3']);
    expect(withoutFields(fields, (name) => name === 'a')).toEqual(['b', '2']);
  });
});
