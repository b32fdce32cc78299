import { AdjustmentSource, LimitMode, Reason } from '@tidegate/grpc';
import { expect, it } from 'vitest';
import { adjustmentSources, limitModes, reasons } from './wire-values.js';

it('the numbers are those of the wire', () => {
  const names = (values: Record<string, number>, of: Record<number, string>): Record<string, string | undefined> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), of[value]]));
  const expectSame = (found: Record<string, string | undefined>): void => expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, name])));
  expectSame(names(reasons, Reason));
  expectSame(names(limitModes, LimitMode));
  expectSame(names(adjustmentSources, AdjustmentSource));
});
