import type { Clock } from '@tidegate/units';
import type { ExchangeParts, HttpExchange } from './http-exchange.js';
import type { HeadRules } from './parse-request-head.js';
import type { Refusal } from './refusal.js';
import type { FieldRules } from './request-fields.js';
import type { HttpResponseSink } from './response-sink.js';
import type { ServerLimits } from './server-limits.js';

/** The two levels a server logs at; pino's logger is one. */
export interface ServerLogger {
  error(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** What the connections of one server share. */
export interface ServerContext<E extends HttpExchange> {
  readonly name: string;
  readonly rules: HeadRules & FieldRules;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: ServerLogger;
  readonly createExchange: (parts: ExchangeParts) => E;
  readonly onExchange: (exchange: E) => Promise<void>;
  readonly onRefused: ((refusal: Refusal) => void) | undefined;
  /** Fields of answers to heads that no stage saw. */
  readonly refusalFields: () => readonly string[];
  /** Answers are the last of their connection (gateway/H12). */
  isDraining: boolean;
  /** Exchanges whose stages run. */
  inFlight: number;
  /** Sends a head alone if no body follows within this turn of the event loop. */
  flushSoon(sink: HttpResponseSink): void;
}

