import type { DuckDBValue } from '@duckdb/node-api';
import type { MinuteRange } from './parameters.js';

/** A WHERE clause whose values are never part of its text. */
export class Conditions {
  readonly #parts: string[] = [];
  readonly values: DuckDBValue[] = [];

  /** Adds a condition with one `?` per value. */
  add(sql: string, ...values: DuckDBValue[]): this {
    this.#parts.push(sql);
    this.values.push(...values);
    return this;
  }

  /** Adds `column = ?` unless the value is not given. */
  equals(column: string, value: DuckDBValue | undefined): this {
    return value === undefined ? this : this.add(`${column} = ?`, value);
  }

  minutes({ fromMinute, toMinute }: MinuteRange): this {
    return this.add('minute >= ?', fromMinute).add('minute < ?', toMinute);
  }

  /** `404` or `5xx`. */
  status(status: string | undefined): this {
    if (status === undefined) return this;
    const first = Number(status[0]) * 100;
    return status.endsWith('xx') ? this.add('status >= ?', first).add('status < ?', first + 100) : this.add('status = ?', Number(status));
  }

  get sql(): string {
    return this.#parts.length === 0 ? '' : `WHERE ${this.#parts.join(' AND ')}`;
  }
}
