// What Teams and the Bot Connector take, by name and unit (learn.microsoft.com: bots in Teams, rate limiting,
// authentication with the Bot Connector), and what this adapter bounds by itself.

/** Of Teams, and of our use of it. */
export const teamsLimits = {
  /** Characters of a message: 28 KB of UTF-16 with all that is around it. */
  text: 12_000,
  /** Characters of a button's label; buttons in a set, sets in one card. */
  buttonLabel: 100,
  setButtons: 6,
  sets: 4,
  /** Bytes of a request. */
  requestBytes: 1_048_576,
  /** Characters of a bearer token. */
  tokenChars: 16_384,
  /** Seconds by which a token's times may differ from ours. */
  toleranceS: 300,
  /** Deliveries that were not answered come again within a minute. */
  dedupeHours: 24,
  /** A delivery that comes again under another id does so within this, ms. */
  repeatMs: 60_000,
  /** From so many characters on a text that is said twice in that time is a repeat: short words people do repeat. */
  repeatChars: 40,
  /** Keys are fetched anew after, ms; for an unknown one at most each; one fetch may take. */
  keysMs: 24 * 3_600_000,
  keysRestMs: 60_000,
  keysFetchMs: 5_000,
  /** Keys of one list, and bytes of it. */
  keys: 500,
  keysBytes: 2 * 1_048_576,
  /** A token of ours is renewed so long before it ends, ms; one renewal, ms. */
  renewBeforeMs: 5 * 60_000,
  renewMs: 20_000,
  /** The sign that an answer is written lasts, ms. */
  typingMs: 5_000,
  /** Files of one message that are looked at. */
  attachments: 40,
} as const;
