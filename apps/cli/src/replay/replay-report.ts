import { formatTable } from '../format-table.js';
import type { ClientOverBound } from './check-bounds.js';
import type { SkippedLine } from './log-entry.js';
import type { Tally } from './tally.js';

/** What the analytics said of the replay. */
export interface AnalyticsCount {
  readonly counted: number;
  readonly missing: number;
  readonly duplicated: number;
}

/** The result of a replay; the form of `--json`. */
export interface ReplayReport {
  readonly run: string;
  readonly log: string;
  readonly sent: number;
  readonly skipped: number;
  /** Lines by why they were skipped. */
  readonly skippedBecause: Readonly<Record<string, number>>;
  readonly durationSeconds: number;
  readonly requestsPerSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests without an answer, by error code. */
  readonly unanswered: Readonly<Record<string, number>>;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  readonly clients: {
    readonly total: number;
    /** Most requests one client may have had allowed: burst + rate * T, floor. */
    readonly bound: number;
    readonly allowed: number;
    readonly denied: number;
    readonly overBound: number;
    readonly worst: readonly ClientOverBound[];
    readonly busiest: readonly BusyClient[];
  };
  readonly analytics: AnalyticsCount;
}

export interface BusyClient {
  readonly client: string;
  readonly allowed: number;
  readonly denied: number;
}

export interface ReportParts {
  readonly run: string;
  readonly log: string;
  readonly tally: Tally;
  readonly skipped: readonly SkippedLine[];
  readonly bound: number;
  readonly overBound: readonly ClientOverBound[];
  readonly analytics: AnalyticsCount;
}

const rowsMax = 10;

/** Puts the report together. */
export function buildReport({ run, log, tally, skipped, bound, overBound, analytics }: ReportParts): ReplayReport {
  const clients = [...tally.clients].map(([client, counts]) => ({ client, ...counts }));
  const busiest = clients.sort((a, b) => b.allowed + b.denied - a.allowed - a.denied).slice(0, rowsMax);
  const sum = (pick: (row: BusyClient) => number): number => clients.reduce((total, row) => total + pick(row), 0);
  const seconds = tally.spanMs / 1_000;
  return {
    run,
    log,
    sent: tally.sentCount,
    skipped: skipped.length,
    skippedBecause: countBy(skipped.map(({ reason }) => reason)),
    durationSeconds: Math.round(seconds * 1_000) / 1_000,
    requestsPerSecond: seconds > 0 ? Math.round(tally.sentCount / seconds) : 0,
    statuses: Object.fromEntries([...tally.statuses].sort(([a], [b]) => a - b)),
    unanswered: Object.fromEntries(tally.failures),
    latencyMs: { p50: tally.latencyMs(0.5), p90: tally.latencyMs(0.9), p99: tally.latencyMs(0.99) },
    clients: {
      total: clients.length,
      bound,
      allowed: sum(({ allowed }) => allowed),
      denied: sum(({ denied }) => denied),
      overBound: overBound.length,
      worst: overBound.slice(0, rowsMax),
      busiest,
    },
    analytics,
  };
}

/** Whether the promise held: nobody above its bound, every event counted once. */
export const isKept = ({ clients, analytics }: ReplayReport): boolean => clients.overBound === 0 && analytics.missing === 0 && analytics.duplicated === 0;

/** The report for people. */
export function formatReport(report: ReplayReport): string {
  const { clients, analytics, latencyMs } = report;
  const lines = [
    `${report.sent} sent in ${report.durationSeconds} s (${report.requestsPerSecond}/s), ${report.skipped} lines skipped`,
    ...Object.entries(report.skippedBecause).map(([reason, count]) => `  ${count} x ${reason}`),
    '',
    formatTable([{ title: 'STATUS' }, { title: 'ANSWERS', isNumber: true }], statusRows(report)),
    '',
    `latency: p50 ${latencyMs.p50} ms, p90 ${latencyMs.p90} ms, p99 ${latencyMs.p99} ms`,
    '',
    formatTable(
      [{ title: 'BUSIEST CLIENTS' }, { title: 'ALLOWED', isNumber: true }, { title: 'DENIED', isNumber: true }, { title: 'BOUND', isNumber: true }],
      clients.busiest.map(({ client, allowed, denied }) => [client, allowed, denied, toBound(clients.bound)]),
    ),
    '',
    `${clients.total} clients, ${clients.allowed} allowed, ${clients.denied} denied; above burst + rate x T: ${clients.overBound}`,
    ...clients.worst.map(({ client, allowed, bound }) => `  ${client}: ${allowed} allowed, bound ${bound}`),
    `analytics counted ${analytics.counted} of ${report.sent}: ${analytics.missing} missing, ${analytics.duplicated} twice`,
  ];
  return lines.join('\n');
}

const toBound = (bound: number): string => (bound === Number.MAX_SAFE_INTEGER ? 'none' : String(bound));

function statusRows({ statuses, unanswered }: ReplayReport): [string, number][] {
  return [...Object.entries(statuses), ...Object.entries(unanswered).map(([why, count]): [string, number] => [`no answer (${why})`, count])];
}

function countBy(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
