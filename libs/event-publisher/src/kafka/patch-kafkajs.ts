import { createRequire } from 'node:module';

/** The part of kafkajs' request queue that the replacement touches. */
interface RequestQueue {
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  checkPendingRequests(): void;
}

const pendingCheckMs = 10;
const patched = Symbol.for('tidegate.kafkajs.patched');

/**
 * Replaces `RequestQueue.prototype.scheduleCheckPendingRequests` of kafkajs 2.2.4. The original arms a timer whenever it
 * has none, also when nothing waits, with a delay that is negative on an idle connection: each run arms the next, hundreds
 * of times a second. This one arms a timer only while requests wait. Call it before the first client; further calls do nothing.
 */
export function patchKafkajs(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue & { [patched]?: true } };
  if (prototype[patched] === true) return;
  if (typeof (prototype as { scheduleCheckPendingRequests?: unknown }).scheduleCheckPendingRequests !== 'function') {
    throw new TypeError('this kafkajs has no RequestQueue.scheduleCheckPendingRequests: the patch is for 2.2.4');
  }
  Object.assign(prototype, { [patched]: true, scheduleCheckPendingRequests });
}

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, throttledMs > 0 ? throttledMs : pendingCheckMs);
}
