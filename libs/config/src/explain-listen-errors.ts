import { formatAddress, type ListenAddress } from '@tidegate/units';
import type { TidegateConfig } from './tidegate-schema.js';

/** `EX_UNAVAILABLE` of sysexits: something outside is in the way. */
const exitUnavailable = 69;

/** A listener of the configuration: the key that says where it listens. */
export interface ConfiguredListener {
  readonly key: string;
  readonly address: ListenAddress;
}

/** The parts of a configuration that say who listens where. */
export type Listening = Pick<TidegateConfig, 'listeners' | 'demo'>;

/** A port that cannot be bound, as a line that says what to change. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly exitCode = exitUnavailable;
}

/** The line for an error of `listen`: what is wrong, where, and which key to change. */
export function explainListenError({ code, message }: Pick<NodeJS.ErrnoException, 'code' | 'message'>, { key, address }: ConfiguredListener): string {
  const where = formatAddress(address);
  if (code === 'EADDRINUSE') return `address already in use: ${where}; change ${key} or stop the other process`;
  if (code === 'EACCES') return `not allowed to listen on ${where}; change ${key} to a port from 1024 up`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${address.host}; change ${key}`;
  return `cannot listen on ${where}: ${message}; change ${key}`;
}

/**
 * Waits for an app's start and turns the error of a port that cannot be bound into a ListenError that names the key.
 * @throws ListenError, or whatever else the start rejects with
 */
export async function explainListenErrors<T>(config: Listening, starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    const { message } = error as Error;
    // Libraries wrap the error of the system in texts of their own; its own words stand at the end.
    const [, code, port] = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL)\b.*:(\d+)/s.exec(message) ?? [];
    const listener = code === undefined ? undefined : listenersOf(config).find(({ address }) => address.port === Number(port));
    if (code === undefined || listener === undefined) throw error;
    throw new ListenError(explainListenError({ code, message }, listener), { cause: error });
  }
}

function listenersOf({ listeners, demo = {} as NonNullable<TidegateConfig['demo']> }: Listening): ConfiguredListener[] {
  const named = Object.entries(listeners).flatMap(([name, listener]) => (listener === undefined ? [] : [{ key: `listeners.${name}.address`, address: listener.address }]));
  const ofDemo = Object.entries(demo).flatMap(([role, addresses]) => (Array.isArray(addresses) ? addresses.map((address) => ({ key: `demo.${role}`, address })) : []));
  return [...named, ...ofDemo];
}
