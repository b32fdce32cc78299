import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExpiryHeap } from './expiry-heap.js';

it('always names the slot that is due first, whatever is added, moved and removed', () => {
  const command = fc.record({ kind: fc.constantFrom('put', 'put', 'remove'), slot: fc.integer({ min: 0, max: 40 }), due: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const heap = new ExpiryHeap(1);
      const model = new Map<number, number>();
      heap.grow(41);
      for (const { kind, slot, due } of commands) {
        if (kind === 'remove') {
          if (model.delete(slot)) heap.remove(slot);
        } else {
          if (model.has(slot)) heap.move(slot, due);
          else heap.add(slot, due);
          model.set(slot, due);
        }
        expect(heap.size).toBe(model.size);
        expect(heap.first === -1 ? undefined : model.get(heap.first)).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
    }),
  );
});
