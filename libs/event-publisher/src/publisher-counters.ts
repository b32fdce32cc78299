/** What became of events, since the start of the publisher. */
export interface PublisherCounters {
  /** Handed to `publish`. */
  published: number;
  /** Acknowledged by the other side. */
  sent: number;
  /** Written to the spool; they are sent later. */
  spooled: number;
  /** Found in the spool of an earlier process. */
  recovered: number;
  /** Given up for want of room, oldest first. */
  dropped: number;
  /** Too large or malformed, here or in the other side's eyes. */
  refused: number;
  /** With durability disk: let go before they were on disk, because the disk failed. */
  undurable: number;
}

/** The counters, and what waits now. published + recovered = sent + dropped + refused + waiting. */
export interface PublisherStats extends Readonly<PublisherCounters> {
  /** Events that are not acknowledged yet, in memory or in the spool. */
  readonly waiting: number;
  /** Bytes of the spool in use. */
  readonly spoolBytes: number;
}

export function zeroCounters(): PublisherCounters {
  return { published: 0, sent: 0, spooled: 0, recovered: 0, dropped: 0, refused: 0, undurable: 0 };
}
