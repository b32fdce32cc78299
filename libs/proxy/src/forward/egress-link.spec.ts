import { Cancellation, type RequestBody } from '@tidegate/pipeline';
import { freePort, RecordingSink, startRawUpstream, type RawConnection } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { afterEach, describe, expect, it } from 'vitest';
import { createNetworkEgressLink, type EgressLink } from './egress-link.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const noBody: RequestBody = { stream: null, bytesAnnounced: 0, wanted: () => undefined };
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Tidegate-Egress: u=a;a=1;b=closed;t=0.1\r\n\r\nok';
const answer = (text: string) => (connection: RawConnection) => connection.onRequest(() => connection.socket.write(text));

async function egress(onConnection: (connection: RawConnection) => void) {
  const raw = await startRawUpstream(onConnection);
  closers.push(() => raw.close());
  return raw;
}

function linkTo(...targets: string[]): EgressLink {
  const link = createNetworkEgressLink({ targets, clock: systemClock });
  closers.push(() => link.close());
  return link;
}

async function forward(link: EgressLink, method = 'GET', fields: string[] = []): Promise<RecordingSink> {
  const sink = new RecordingSink();
  await link.forward({
    head: { method, scheme: 'http', authority: 'api.example:8080', path: '/a', query: '', httpVersion: '1.1', fields },
    body: noBody,
    response: sink,
    cancellation: new Cancellation(),
    deadlineAtMs: systemClock.monotonicMs() + 2_000,
    streaming: false,
    bodyBytesMax: null,
  });
  return sink;
}

describe('the network link', () => {
  it("keeps the client's Host and the fields meant for egress, and tells the time that is left", async () => {
    const raw = await egress(answer(ok));
    const sink = await forward(linkTo(raw.url), 'GET', ['x-tidegate-route', 'r', 'connection', 'x-a, x-tidegate-route', 'x-a', '1']);
    expect(raw.received).toContain('host: api.example:8080\r\n');
    expect(raw.received).toContain('x-tidegate-route: r\r\n');
    expect(raw.received).not.toContain('x-a');
    expect(Number(/x-tidegate-deadline: (\d+)/.exec(raw.received)?.[1])).toBeGreaterThan(1_500);
    expect(Number(/x-tidegate-deadline: (\d+)/.exec(raw.received)?.[1])).toBeLessThanOrEqual(2_000);
    expect(sink.field('x-tidegate-egress')).toBe('u=a;a=1;b=closed;t=0.1');
  });

  it('gateway/U5: goes to another egress gateway when one cannot be reached, whatever the method', async () => {
    const raw = await egress(answer(ok));
    const link = linkTo(`http://127.0.0.1:${await freePort()}`, raw.url);
    for (let i = 0; i < 10; i += 1) expect((await forward(link, 'POST')).text).toBe('ok');
  });

  it('gateway/U5: a reset before the head is tried again for GET, never for POST', async () => {
    const raw = await egress(({ socket, onRequest, number }) => onRequest(() => (number % 2 === 1 ? socket.resetAndDestroy() : socket.write(ok))));
    const link = linkTo(raw.url);
    expect((await forward(link)).text).toBe('ok');
    const other = linkTo((await egress(({ socket, onRequest }) => onRequest(() => socket.resetAndDestroy()))).url);
    await expect(forward(other, 'POST')).rejects.toMatchObject({ code: 'upstream-unreachable' });
  });

  it('rejects with a fault when no egress gateway can be reached', async () => {
    const link = linkTo(`http://127.0.0.1:${await freePort()}`);
    await expect(forward(link)).rejects.toMatchObject({ code: 'upstream-unreachable', status: 502 });
  });

  it("gateway/H9: takes egress's word for a body whose end is uncertain", async () => {
    const raw = await egress(answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Tidegate-Egress: u=a;a=1;b=closed;t=0.1;c=unknown\r\n\r\nok'));
    expect((await forward(linkTo(raw.url))).head?.isCloseDelimited).toBe(true);
  });
});
