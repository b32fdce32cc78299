import { pino, type DestinationStream, type Logger } from 'pino';
import { maskSecrets } from './mask-secrets.js';

export type { Logger };

/** How much a process says. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

export interface LoggerOptions {
  readonly app: string;
  readonly instance: string;
  readonly level: LogLevel;
  /** Where lines go; default standard output. */
  readonly destination?: DestinationStream;
}

/** A logger of JSON lines with `app` and `instance`; texts of errors are masked (no credential reaches a log). */
export function createLogger({ app, instance, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { app, instance },
    serializers: { err: toErrorLine },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** An error as it may be logged: masked message and stack, name, and the messages of its causes. */
export function toErrorLine(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: maskSecrets(String(thrown)) };
  const line: Record<string, unknown> = { name: thrown.name, message: maskSecrets(thrown.message) };
  if (thrown.stack !== undefined) line['stack'] = maskSecrets(thrown.stack);
  if (thrown.cause !== undefined) line['cause'] = maskSecrets(messageOf(thrown.cause));
  return line;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
