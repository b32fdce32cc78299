import type { BucketCall, BucketStore, TakeResult } from '@tidegate/rate-limit';
import { toBucketCheck } from './bucket-check.js';
import { checksPerCallMax } from './store/redis-bucket-store.js';

/** Buckets whose debts are kept; more are not debited (limiter/F8). */
const debtsMax = 100_000;

/** How often a debt is tried again when another replica charged the bucket in between. */
const attemptsMax = 3;

interface Debt {
  readonly call: BucketCall;
  tokens: number;
}

/** What a replica admitted from its own share while the store was away, to be debited on return, not below 0 (limiter/F2). */
export class DebtLedger {
  #debts = new Map<string, Debt>();
  /** Debts that did not fit. */
  forgotten = 0;

  get size(): number {
    return this.#debts.size;
  }

  /** @param call the whole limit's call, not the share's */
  add(call: BucketCall): void {
    if (call.cost === 0) return;
    const known = this.#debts.get(call.key);
    if (known !== undefined) known.tokens += call.cost;
    else if (this.#debts.size < debtsMax) this.#debts.set(call.key, { call, tokens: call.cost });
    else this.forgotten += 1;
  }

  /** Debits everything that is owed now; what a rejected call leaves open stays owed. */
  async settle(store: BucketStore): Promise<void> {
    const debts = [...this.#debts.values()];
    for (let start = 0; start < debts.length; start += checksPerCallMax) {
      const part = debts.slice(start, start + checksPerCallMax);
      // Forgotten first: a debit of unknown outcome must not be made twice (limiter/F3).
      for (const { call } of part) this.#debts.delete(call.key);
      await debit(store, part);
    }
  }
}

/** Looks at the levels and takes what is owed of what is there; a bucket that was charged in between is tried again. */
async function debit(store: BucketStore, debts: readonly Debt[]): Promise<void> {
  let open = debts;
  for (let attempt = 0; attempt < attemptsMax && open.length > 0; attempt += 1) {
    const levels = await store.take(open.map((debt) => toBucketCheck(debt.call, 0)));
    const payments = open.map((debt, index) => ({ debt, tokens: Math.min(debt.tokens, tokensOf(levels[index], debt.call)) })).filter(({ tokens }) => tokens > 0);
    const taken = payments.length === 0 ? [] : await store.take(payments.map(({ debt, tokens }) => toBucketCheck(debt.call, tokens)));
    open = payments.filter((_payment, index) => taken[index]?.allowed === false).map(({ debt }) => debt);
  }
}

function tokensOf(result: TakeResult, call: BucketCall): number {
  return result === undefined ? 0 : Math.floor((result.states[0] ?? 0) / call.shape.grainsPerToken);
}
