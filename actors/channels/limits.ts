// Limits of channels, by name and unit.

/** Of the gateway. */
export const channelLimits = {
  /** Accounts of a tenant. */
  accounts: 200,
  /** Characters of one inbound message's text; what is longer is cut, which the agent is told. */
  textChars: 100_000,
  /** Keys of one event by which it is known again, and characters of each. */
  dedupeKeys: 4,
  dedupeChars: 300,
  /** Files of one message; further ones are named and not fetched. */
  files: 20,
  /** What is kept of a piece that could not be understood, bytes, and how many of an account. */
  parkedBytes: 16 * 1_024,
  parked: 1_000,
  /** Messages of one session that may wait for their turn; one more is refused at the door, and comes again. */
  sessionWaiting: 1_000,
  /** Events whose repeats are known, looked through in one turn of a sweep; when the next one is, ms. */
  seenRows: 500,
  seenSweepMs: 24 * 3_600_000,
  /** Edits and deletions kept for messages that have not come. */
  early: 50,
  /** Messages heard last, whose edits change nothing. */
  heard: 50,
  /** Runs of one session that are under way or wait behind it. */
  asking: 20,
  /** Messages joined into one by `merge_ms`, and their characters. */
  mergedMessages: 50,
  mergedChars: 100_000,
  /** Answers that wait in one lane; one more is a dead letter at once. */
  laneWaiting: 1_000,
  /** Deliveries kept after they ended, of a lane, and for how long, ms. */
  deliveriesKept: 200,
  deliveryKeptMs: 30 * 24 * 3_600_000,
  deliverySweepMs: 24 * 3_600_000,
  /**
   * Of a delivery's run beyond the time to deliver, ms: it finds out what became of a call, and says itself that
   * it is too late, however long the server was down.
   */
  deliveryGraceMs: 90 * 24 * 3_600_000,
  /** Time to deliver, s, and answers in an hour, where the channel says nothing. */
  deliverWithinS: 24 * 3_600,
  repliesPerHour: 120,
  budgetMs: 3_600_000,
  /** Conversations of a session that are remembered behind the one under way. */
  earlier: 50,
  /** Answers that wait for a correspondent's next message. */
  held: 20,
  /** Time without a message after which a session begins anew, s, where the channel says nothing. */
  sessionTtlS: 86_400,
  /** Approvals shown in one session. */
  approvals: 50,
  /** Attempts at one part that the platform refused for now; waiting between them, ms. */
  attempts: 20,
  retryMinMs: 1_000,
  retryMaxMs: 15 * 60_000,
  /**
   * Questions about a send whose answer was lost, while the platform cannot be asked, and the time that they
   * take in all, ms: after either it is unknown. The same waits are between them.
   */
  reconcileAttempts: 40,
  reconcileMs: 24 * 3_600_000,
  /** What is believed of a platform's Retry-After, ms. */
  retryAfterMaxMs: 6 * 3_600_000,
  /** One call of a platform, ms. */
  callMs: 30_000,
  /** Life of the run that has a message answered, ms: the run of the agent goes on without it. */
  askMs: 120_000,
  /** Parts of one answer. */
  parts: 50,
  /** Sessions of which an account knows aliases. */
  aliases: 100_000,
  /** Receipts a session remembers, so that its own echo is known: few, since each turn writes them anew. */
  receipts: 50,
} as const;
