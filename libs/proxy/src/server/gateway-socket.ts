import type { Socket } from 'node:net';
import type { FieldRules } from './request-fields.js';

/** What a request needs of the connection it came by. */
export interface SocketOwner {
  readonly fieldRules: FieldRules;
}

const owner = Symbol('tidegate.connection');

type OwnedSocket = Socket & { [owner]?: SocketOwner };

/** Ties a socket to the connection that looks after it. */
export function ownSocket(socket: Socket, connection: SocketOwner): void {
  (socket as OwnedSocket)[owner] = connection;
}

/** The connection a socket was tied to. */
export function ownerOf(socket: Socket): SocketOwner {
  return (socket as Required<OwnedSocket>)[owner];
}
