import { counter, gauge, type Registry } from '@tidegate/observability';
import type { PublisherCounters, PublisherStats } from './publisher-counters.js';

const helps: Readonly<Record<keyof PublisherCounters, string>> = {
  published: 'Events handed to the publisher',
  sent: 'Events acknowledged by Kafka or by the analytics of the same process',
  spooled: 'Events written to the spool on disk',
  recovered: 'Events found in the spool of an earlier process',
  dropped: 'Events given up for want of room',
  refused: 'Events that were too large or malformed',
  undurable: 'Events let go before they were on disk, because the disk failed',
};

/** Shows the publisher's counters as `tidegate_events_<what>_total`, its waiting events and the spool's bytes; read at each scrape. */
export function registerPublisherMetrics(registry: Registry, stats: () => PublisherStats): void {
  const names = Object.keys(helps) as (keyof PublisherCounters)[];
  const shown = names.map((name) => ({ name, metric: counter(registry, { name: `tidegate_events_${name}_total`, help: helps[name] }), last: 0 }));
  const spoolBytes = gauge(registry, { name: 'tidegate_events_spool_bytes', help: 'Bytes of the event spool in use' });
  gauge(registry, {
    name: 'tidegate_events_waiting',
    help: 'Events that are not acknowledged yet, in memory or in the spool',
    collect() {
      const now = stats();
      this.set(now.waiting);
      spoolBytes.set(now.spoolBytes);
      for (const entry of shown) {
        entry.metric.inc(now[entry.name] - entry.last);
        entry.last = now[entry.name];
      }
    },
  });
}
