import { isIP } from 'node:net';

/** Class E (240.0.0.0/4, RFC 1112 section 4) is never anyone's address: stand-ins from it cannot meet a recorded one. */
const standInStart = 0xf0_00_00_01;
const standInEnd = 0xff_ff_ff_fe;

/**
 * One address per recorded client, one to one: an address stays itself; what is none (a host name, an octet masked by
 * letters), or would be taken for a trusted proxy (loopback), gets a stand-in of its own.
 */
export class ClientAddresses {
  readonly #standIns = new Map<string, string>();

  addressOf(client: string): string {
    if (isIP(client) !== 0 && !isLoopback(client) && !isClassE(client)) return client;
    const known = this.#standIns.get(client);
    if (known !== undefined) return known;
    const number = standInStart + this.#standIns.size;
    if (number > standInEnd) throw new RangeError('more clients than stand-in addresses');
    const standIn = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
    this.#standIns.set(client, standIn);
    return standIn;
  }
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:');

const isClassE = (address: string): boolean => isIP(address) === 4 && Number(address.split('.')[0]) >= 240;
