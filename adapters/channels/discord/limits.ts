// What Discord takes, by name and unit (docs.discord.com/developers: message, interactions, gateway, rate
// limits), and what this adapter bounds by itself.

/** Of Discord, and of our use of it. */
export const discordLimits = {
  /** Characters of a message. */
  text: 2_000,
  /** Characters of a button's label; buttons in a row, rows under one message. */
  buttonLabel: 80,
  rowButtons: 5,
  rows: 5,
  /** Bytes of a request: interactions bring the message along that has the button. */
  requestBytes: 1_048_576,
  /** Seconds by which a request's time may differ from ours. */
  toleranceS: 300,
  /** Discord delivers an interaction once; a session of the Gateway that is resumed tells the last events again. */
  dedupeHours: 24,
  /** An interaction may be answered by its token for 15 minutes: a little less is counted on, ms. */
  tokenMs: 15 * 60_000 - 10_000,
  /**
   * Until so long after an interaction came its token may not be known there yet: our answer to it, by which
   * Discord makes the message that is waited for, is on its way. Ms, and when it is looked for again.
   */
  awaitedMs: 5_000,
  awaitedAgainMs: 500,
  /** The sign that an answer is written lasts, ms. */
  typingMs: 10_000,
  /** Bytes of a file out. */
  fileBytes: 10 * 1_024 * 1_024,
  /** Characters of a file's name. */
  fileName: 255,
  /** Messages that are looked through for one whose answer was lost; Discord gives no more at once. */
  reconcileMessages: 100,
  /** Routes of which it is known when they are free again. */
  routes: 1_000,
  /** Messages whose author is remembered: a deletion does not say it. */
  authors: 5_000,
  /** Deletions told by one event. */
  deletions: 100,
  /** Waiting before a new connection to the Gateway, ms: doubled up to the most. */
  reconnectMinMs: 1_000,
  reconnectMaxMs: 60_000,
  /** A connection that lasted so long was none of those that are over at once, ms. */
  steadyMs: 10_000,
  /** Failures after which a session is not gone on with. */
  resumes: 3,
  /** From a connection's opening to the Gateway's first word, and to its word that we are in, ms. */
  helloMs: 30_000,
  /** What is believed of the Gateway's heartbeat interval, ms. */
  heartbeatMinMs: 50,
  heartbeatMaxMs: 120_000,
  /** Longest wait for new starts of a session when the day's are used up, ms. */
  startsMaxMs: 24 * 3_600_000,
  /** Time of the call that says that an interaction was taken, ms: Discord waits 3 s for it. */
  callbackMs: 3_000,
  /** Largest frame of the Gateway, bytes; silence after which its connection is taken for dead, ms. */
  frameBytes: 4 * 1_048_576,
  silenceMs: 180_000,
} as const;
