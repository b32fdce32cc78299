import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientAddresses } from './client-addresses.js';
import { parseAccessLogLine } from './parse-access-log.js';
import { parseEdgarLine } from './parse-edgar.js';
import { readLog } from './read-log.js';

const combined = '83.149.9.216 - frank [17/May/2015:10:05:03 +0200] "GET /a%20b?q="  HTTP/1.1" 200 203023 "http://x/" "Mozilla/5.0 \\"x\\""';

describe('parseAccessLogLine', () => {
  it('reads Combined and Common lines, zones, escaped quotes and `-` sizes', () => {
    const line = '83.149.9.216 - - [17/May/2015:10:05:03 +0200] "GET /a?q=1 HTTP/1.1" 404 - "http://x/" "agent \\"x\\""';
    expect(parseAccessLogLine(line, 7)).toEqual({
      line: 7, client: '83.149.9.216', atMs: Date.UTC(2015, 4, 17, 8, 5, 3), method: 'GET', target: '/a?q=1', status: 404, bytes: 0, userAgent: 'agent \\"x\\"',
    });
    expect(parseAccessLogLine('host.example - - [17/May/2015:10:05:03 +0000] "POST /x HTTP/1.0" 200 5', 1)).toMatchObject({ client: 'host.example', method: 'POST', bytes: 5 });
  });

  it.each([
    ['garbage', 'not a line'],
    [combined, 'not a line'],
    ['1.2.3.4 - - [17/Foo/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1', 'time'],
    ['1.2.3.4 - - [17/May/2015:10:05:03 +0000] "-" 408 -', 'request line'],
    ['1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a b HTTP/1.1" 200 1', 'request line'],
    ['1.2.3.4 - - [17/May/2015:10:05:03 +0000] "CONNECT a:1 HTTP/1.1" 200 1', 'method'],
    ['1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET http://a/ HTTP/1.1" 200 1', 'not a path'],
    ['1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /\u00e4 HTTP/1.1" 200 1', 'bytes'],
  ])('skips %j and says why', (text, reason) => {
    expect(parseAccessLogLine(text, 1)).toMatchObject({ line: 1, reason: expect.stringContaining(reason) as string });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
      parseAccessLogLine(text, 1);
      parseEdgarLine(text, 1);
    }));
  });
});

describe('parseEdgarLine', () => {
  it('reads numbers with fractions, empty sizes and documents named by their extension alone', () => {
    const line = '210.164.153.hgh,2003-02-20,00:00:06,500.0,95676.0,0000912057-96-012378,.txt,200.0,,0.0,0.0,0.0,4.0,0.0,win';
    expect(parseEdgarLine(line, 2)).toMatchObject({
      client: '210.164.153.hgh', status: 200, bytes: 0, target: '/Archives/edgar/data/95676/0000912057-96-012378/0000912057-96-012378.txt',
    });
    expect(parseEdgarLine('ip,date,time,zone,cik', 1)).toBeUndefined();
    expect(parseEdgarLine('a,b', 3)).toMatchObject({ reason: 'fewer than 9 columns' });
  });
});

describe('ClientAddresses', () => {
  it('is one to one: recorded addresses stay, everything else gets its own, the same each time', () => {
    const addresses = new ClientAddresses();
    expect(addresses.addressOf('83.149.9.216')).toBe('83.149.9.216');
    fc.assert(fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[a-j]{3}$/), fc.domain())), (clients) => {
      const seen = new Map(clients.map((client) => [client, addresses.addressOf(client)]));
      expect(new Set(seen.values()).size).toBe(seen.size);
      for (const [client, address] of seen) expect(addresses.addressOf(client)).toBe(address);
    }));
  });

  it('never hands out what a gateway on this machine trusts as a proxy', () => {
    expect(new ClientAddresses().addressOf('127.0.0.1')).toBe('240.0.0.1');
  });
});

describe('readLog', () => {
  const all = { limit: 100, findProblem: (target: string) => (target === '/bad' ? 'it is bad' : undefined) };

  it('orders by time, keeps equal times in file order, counts what it skips and stops at the limit', async () => {
    const at = (second: number, path: string): string => `1.2.3.4 - - [17/May/2015:10:05:0${second} +0000] "GET ${path} HTTP/1.1" 200 1`;
    const file = join(mkdtempSync(join(tmpdir(), 'tidegate-log-')), 'a.log');
    writeFileSync(file, [at(3, '/c'), at(1, '/a'), 'x', at(1, '/b'), at(1, '/bad'), ''].join('\n'));
    const log = await readLog(file, all);
    expect(log.entries.map(({ target }) => target)).toEqual(['/a', '/b', '/c']);
    expect(log.skipped).toEqual([
      { line: 3, reason: 'not a line of the Common or Combined Log Format' },
      { line: 5, reason: 'the gateway refuses the target: it is bad' },
    ]);
    expect((await readLog(file, { ...all, limit: 1 })).entries).toHaveLength(1);
    await expect(readLog(`${file}.none`, all)).rejects.toThrow('ENOENT');
  });
});
