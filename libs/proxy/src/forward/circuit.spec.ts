import { Fault } from '@tidegate/fault';
import { systemClock } from '@tidegate/units';
import { waitUntil } from '@tidegate/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { Circuit, CountedError, type CircuitChange } from './circuit.js';
import { servicesSchema } from './services-schema.js';

const circuits: Circuit[] = [];
afterEach(() => circuits.splice(0).forEach((circuit) => circuit.close()));

function circuitOf(breaker: Record<string, unknown> = {}) {
  const services = servicesSchema.parse({ s: { upstreams: ['http://h'], breaker: { minRequests: 4, openFor: '60ms', ...breaker } } });
  const changes: CircuitChange[] = [];
  const config = services['s']?.breaker;
  if (config === undefined) throw new Error('no config');
  const circuit = new Circuit({ name: 's', config, clock: systemClock, onChange: (change) => changes.push(change) });
  circuits.push(circuit);
  return { circuit, changes };
}

const good = (circuit: Circuit) => circuit.fire(() => Promise.resolve('ok'));
const fail = (circuit: Circuit, error: Error = new CountedError('503')) =>
  circuit.fire(() => Promise.reject(error)).then(
    () => 'resolved',
    (reason: unknown) => reason,
  );
const clientLeft = () => new Fault('client-closed', 'gone');
const unreachable = () => new Fault('upstream-unreachable', 'refused');

async function open(circuit: Circuit): Promise<void> {
  for (let i = 0; i < 4; i += 1) await fail(circuit);
}

describe('circuit (gateway/U4)', () => {
  it('opens at the error ratio, not before the minimum volume', async () => {
    const { circuit, changes } = circuitOf();
    await good(circuit);
    await good(circuit);
    await fail(circuit);
    expect(circuit.state).toBe('closed');
    await fail(circuit, unreachable());
    expect(circuit.state).toBe('open');
    expect(changes).toEqual([{ from: 'closed', to: 'open', cause: '2 errors in 4 requests' }]);
  });

  it('stays closed below the ratio', async () => {
    const { circuit } = circuitOf();
    for (let i = 0; i < 20; i += 1) await (i % 3 === 2 ? fail(circuit) : good(circuit));
    expect(circuit.state).toBe('closed');
  });

  it("counts neither the client's leaving nor its bad body as an error", async () => {
    const { circuit } = circuitOf();
    for (let i = 0; i < 20; i += 1) await fail(circuit, i % 2 === 0 ? clientLeft() : new Fault('body-too-large', 'x'));
    expect(circuit.state).toBe('closed');
  });

  it('hands the value of a counted error and the fault of a failure through', async () => {
    const { circuit } = circuitOf();
    expect(await fail(circuit)).toMatchObject({ value: '503' });
    const fault = unreachable();
    expect(await fail(circuit, fault)).toBe(fault);
  });

  it('while open answers upstream-unavailable with Retry-After, at once and without running the work', async () => {
    const { circuit } = circuitOf({ openFor: '4200ms' });
    await open(circuit);
    let ran = false;
    const refusal = await circuit.fire(async () => void (ran = true)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'upstream-unavailable', details: { fields: ['retry-after', '5'] } });
    expect(ran).toBe(false);
    expect(circuit.isUsable).toBe(false);
  });

  it('lets one trial through when half-open; a good one closes it with an empty window, a bad one opens it again', async () => {
    const { circuit, changes } = circuitOf();
    await open(circuit);
    await waitUntil('half-open', () => circuit.state === 'half-open');
    let finish: (() => void) | undefined;
    const trial = circuit.fire(() => new Promise<void>((resolve) => (finish = resolve)));
    expect(circuit.isUsable).toBe(false);
    expect(await fail(circuit)).toMatchObject({ code: 'upstream-unavailable' });
    finish?.();
    await trial;
    expect(circuit.state).toBe('closed');
    await fail(circuit);
    expect(circuit.state).toBe('closed');
    await open(circuit);
    await waitUntil('half-open', () => circuit.state === 'half-open');
    await fail(circuit);
    expect(changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'closed', 'open', 'half-open', 'open']);
    expect(changes.at(-1)?.cause).toBe('the trial failed');
  });

  it('a trial that the client abandons proves nothing: open again', async () => {
    const { circuit } = circuitOf();
    await open(circuit);
    await waitUntil('half-open', () => circuit.state === 'half-open');
    await fail(circuit, clientLeft());
    expect(circuit.state).toBe('open');
  });

  it('counts a body that died after a good head as one more error', async () => {
    const { circuit } = circuitOf({ minRequests: 2 });
    await good(circuit);
    circuit.countError();
    await waitUntil('open', () => circuit.state === 'open');
    expect(circuit.isUsable).toBe(false);
  });

  it('held closed lets everything through, held open nothing, past its open time too; auto lets it decide again', async () => {
    const { circuit, changes } = circuitOf({ openFor: '20ms' });
    circuit.holdAt('closed');
    for (let i = 0; i < 10; i += 1) await fail(circuit);
    expect(circuit.state).toBe('closed');
    circuit.holdAt('open');
    expect(circuit.state).toBe('open');
    await new Promise((resolve) => setTimeout(resolve, 70));
    expect(await fail(circuit)).toMatchObject({ code: 'upstream-unavailable' });
    expect(circuit.state).toBe('open');
    circuit.holdAt('auto');
    await waitUntil('half-open', () => circuit.state === 'half-open');
    await good(circuit);
    expect(circuit.state).toBe('closed');
    expect(changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'closed']);
    expect(changes[0]?.cause).toBe('held open by an operator');
  });

  it('held closed closes an open one', async () => {
    const { circuit } = circuitOf();
    await open(circuit);
    circuit.holdAt('closed');
    expect(await good(circuit)).toBe('ok');
    expect(circuit.state).toBe('closed');
  });
});
