import type { AdminCall, AdminName, AdminOperation, AdminReply, AdminRequest } from './admin-operation.js';
import type { WorkerSlot } from './worker-slot.js';

/** Orders that a new process is told again; older ones are forgotten. */
const rememberedMax = 1_000;

/** The admin API of several workers as one: what one is told all are told, and so is a process that starts later. */
export class AdminRelay {
  readonly #slots: readonly WorkerSlot[];
  /** Orders in force, in the order given, by what they say. */
  readonly #remembered = new Map<string, AdminCall>();

  constructor(slots: readonly WorkerSlot[]) {
    this.#slots = slots;
  }

  /** What a process that starts now has to be told. */
  get orders(): readonly AdminCall[] {
    return [...this.#remembered.values()];
  }

  toOperation({ method, path }: AdminName): AdminOperation {
    return { method, path, handle: (request) => this.#relay({ method, path, request }) };
  }

  async #relay({ method, path, request }: AdminName & { readonly request: AdminRequest }): Promise<AdminReply> {
    const { params, query, body } = request;
    const call: AdminCall = { method, path, request: { params: { ...params }, query: { ...query }, body } };
    const asked = this.#slots.filter(({ isReady }) => isReady);
    if (asked.length === 0) return { status: 503, body: { detail: 'no worker is ready' } };
    const outcomes = await Promise.allSettled(asked.map((slot) => slot.ask(call)));
    const replies = outcomes.map((outcome, at) => toReply(outcome, asked[at]?.name ?? ''));
    const isDone = replies.every(({ status }) => status < 300);
    if (isDone && method !== 'GET') this.#remember(call);
    return joinReplies(replies, asked.map(({ name }) => name));
  }

  #remember(call: AdminCall): void {
    const key = JSON.stringify(call);
    this.#remembered.delete(key);
    this.#remembered.set(key, call);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > rememberedMax && oldest !== undefined) this.#remembered.delete(oldest);
  }
}

function toReply(outcome: PromiseSettledResult<AdminReply>, name: string): AdminReply {
  if (outcome.status === 'fulfilled') return outcome.value;
  return { status: 503, body: { detail: `${name}: ${(outcome.reason as Error).message}` } };
}

/** The worst answer; where it holds lists, the rows of all workers with the name of each. */
function joinReplies(replies: readonly AdminReply[], names: readonly string[]): AdminReply {
  const worst = replies.reduce((one, other) => (other.status > one.status ? other : one));
  if (worst.status >= 300 || !isRecord(worst.body)) return worst;
  const joined = Object.entries(worst.body).map(([key, value]) => [key, Array.isArray(value) ? joinRows(replies, names, key) : value]);
  return { status: worst.status, body: Object.fromEntries(joined) };
}

function joinRows(replies: readonly AdminReply[], names: readonly string[], key: string): unknown[] {
  return replies.flatMap(({ body }, at) => {
    const rows = isRecord(body) ? body[key] : undefined;
    return Array.isArray(rows) ? rows.map((row: unknown) => (isRecord(row) ? { worker: names[at], ...row } : row)) : [];
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
