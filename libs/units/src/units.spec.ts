import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseByteSize } from './byte-size.js';
import { byteSize, durationMs, formatAddress, listenAddress, name, parseDurationMs, parseListenAddress } from './index.js';

describe('durations', () => {
  it.each([['250ms', 250], ['5s', 5_000], ['1m', 60_000], ['24h', 86_400_000], ['366d', 31_622_400_000], ['0s', 0]])('%s is %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '5', 's', '-1s', '1.5s', '5 s', '5S', '1w', '999999999999999d'])('refuses %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
    expect(durationMs().safeParse(text).success).toBe(false);
  });

  it('names the range it accepts', () => {
    expect(durationMs(50, 60_000).safeParse('10ms').error?.issues[0]?.message).toContain('50ms to 60000ms');
  });
});

describe('sizes', () => {
  it.each([['0B', 0], ['64KiB', 65_536], ['10MiB', 10_485_760], ['2GiB', 2_147_483_648]])('%s is %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', '10', '10MB', '10mib', '-1B', '1.5KiB'])('refuses %j', (text) => {
    expect(byteSize().safeParse(text).success).toBe(false);
  });
});

describe('addresses', () => {
  it.each(['127.0.0.1:8080', '0.0.0.0:0', '[::1]:443', 'localhost:65535'])('%s is read and written back', (text) => {
    const address = parseListenAddress(text);
    expect(address === undefined ? undefined : formatAddress(address)).toBe(text);
  });

  it.each(['8080', ':8080', '127.0.0.1', '127.0.0.1:65536', '300.0.0.1:80', '::1:80', 'example.com:80', '127.0.0.1:80 '])('refuses %j', (text) => {
    expect(listenAddress().safeParse(text).success).toBe(false);
  });

  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string(), (text) => parseListenAddress(text) === undefined || text.includes(':')));
  });
});

describe('names', () => {
  it.each(['a', 'users', 'a.b_c-d', '0', 'a'.repeat(63)])('takes %j', (text) => {
    expect(name().safeParse(text).success).toBe(true);
  });
  it.each(['', 'A', '-a', '.a', 'a b', 'a'.repeat(64), 'ä'])('refuses %j', (text) => {
    expect(name().safeParse(text).success).toBe(false);
  });
});
