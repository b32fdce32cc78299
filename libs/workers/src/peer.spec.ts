import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Peer } from './peer.js';

/** Speaks what Peer speaks, in the words of its messages. */
const childScript = `
process.on('message', ({ tidegate, id, call, payload, error }) => {
  if (tidegate === 'answer' && id === 2) return;
  if (tidegate === 'answer') return process.send({ tidegate: 'call', id: 2, call: 'note', payload: error ?? 'fine' });
  if (call === 'die') process.exit(3);
  if (call === 'echo') process.send({ tidegate: 'answer', id, payload });
  if (call === 'refuse') process.send({ tidegate: 'answer', id, error: 'not today' });
  if (call === 'ask back') process.send({ tidegate: 'call', id: 1, call: payload });
});`;

describe('Peer', () => {
  let folder: string;
  let child: ChildProcess;
  let peer: Peer;
  let noted: PromiseWithResolvers<unknown>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidegate-peer-'));
    writeFileSync(join(folder, 'child.cjs'), childScript);
    child = fork(join(folder, 'child.cjs'), { serialization: 'advanced' });
    noted = Promise.withResolvers();
    peer = new Peer(child, {
      note: (payload: unknown) => noted.resolve(payload),
      fails: () => {
        throw new TypeError('broken here');
      },
    });
  });
  afterEach(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('carries bytes, there and back', async () => {
    const bytes = new Uint8Array([0, 1, 255]);
    expect(await peer.call('echo', { bytes, partition: 3 })).toEqual({ bytes, partition: 3 });
  });

  it('rejects with the reason of the other side', async () => {
    await expect(peer.call('refuse')).rejects.toThrow('not today');
  });

  it('rejects when nothing is said in time', async () => {
    await expect(peer.call('ignore', undefined, 20)).rejects.toThrow('no answer within 20 ms');
  });

  it('rejects what waits when the other process dies, and everything after', async () => {
    const waiting = peer.call('ignore');
    const died = peer.call('die');
    await expect(Promise.all([waiting, died])).rejects.toThrow('the other process is gone');
    await expect(waiting).rejects.toThrow('gone');
    await expect(peer.call('echo')).rejects.toThrow('gone');
  });

  it.each([
    ['fails', 'broken here'],
    ['unknown', 'nothing here answers "unknown"'],
  ])('tells who asked for "%s" why not', async (name, reason) => {
    void peer.call('ask back', name).catch(() => undefined);
    expect(await noted.promise).toBe(reason);
  });
});
