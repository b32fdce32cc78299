import { Fault } from '@tidegate/fault';
import { describe, expect, it } from 'vitest';
import { Cancellation, compose, fieldValue, fieldValues, withoutFields, type Exchange, type Stage } from './index.js';

const exchangeOf = (): Exchange => ({}) as unknown as Exchange;

describe('compose', () => {
  it('runs stages in order, each round the rest', async () => {
    const seen: string[] = [];
    const stage = (name: string): Stage<Exchange> => {
      const run: Stage<Exchange> = async (_, next) => {
        seen.push(`${name}>`);
        await next();
        seen.push(`<${name}`);
      };
      return Object.defineProperty(run, 'name', { value: name });
    };
    const pipeline = compose([stage('a'), stage('b'), stage('c')]);
    const exchange = exchangeOf();
    await pipeline(exchange);
    expect(seen).toEqual(['a>', 'b>', 'c>', '<c', '<b', '<a']);
    expect(pipeline.stageNames).toEqual(['a', 'b', 'c']);
  });

  it('a stage that does not call next answers alone, and a thrown fault reaches the stages before it', async () => {
    const caught: unknown[] = [];
    const rescue: Stage<Exchange> = async (_, next) => next().catch((error: unknown) => void caught.push(error));
    const deny: Stage<Exchange> = () => Promise.reject(new Fault('forbidden', 'no'));
    const never: Stage<Exchange> = () => { throw new Error('reached'); };
    await compose([rescue, deny, never])(exchangeOf());
    expect(caught).toMatchObject([{ code: 'forbidden' }]);
  });

  it('refuses at start what is no named function or stands twice', () => {
    const twice: Stage<Exchange> = async (_, next) => next();
    expect(() => compose([twice, twice])).toThrow('twice');
    expect(() => compose([(() => async () => undefined)()])).toThrow('named');
    expect(() => compose(['text' as unknown as Stage<Exchange>])).toThrow('function');
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
