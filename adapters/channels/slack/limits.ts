// What Slack takes, by name and unit (docs.slack.dev: rate limits, Block Kit, chat.postMessage), and what
// this adapter bounds by itself.

/** Of Slack, and of our use of it. */
export const slackLimits = {
  /** Characters of a message: Slack shows less than 4,000 well, and marks are added after splitting. */
  text: 3_800,
  /** Characters of a section's text, of a button's label. */
  sectionText: 3_000,
  buttonLabel: 75,
  /** Buttons in one row of actions; rows under one message. */
  rowButtons: 25,
  rows: 4,
  /** Bytes of a request: events are smaller by far, interactions bring the whole message along. */
  requestBytes: 1_048_576,
  /** Seconds by which a request's time may differ from ours. */
  toleranceS: 300,
  /** Events that are delayed come again each hour of a day. */
  dedupeHours: 25,
  /** The sign that an answer is written is taken away after two minutes. */
  typingMs: 100_000,
  /** After a refused sign none is tried for so long, ms. */
  typingRestMs: 10 * 60_000,
  /** Bytes of a file out: it is held in memory. */
  fileBytes: 50 * 1_024 * 1_024,
  /** Characters of a file's name and title. */
  fileName: 255,
  /** How far back a lost message is looked for, ms; messages of a page, and pages. */
  reconcileMs: 25 * 3_600_000,
  reconcilePage: 200,
  reconcilePages: 10,
  /** How far Slack's clock and ours may be apart, ms. */
  clockMs: 5 * 60_000,
  /** A token is renewed so long before it ends, ms; one renewal, ms. */
  renewBeforeMs: 10 * 60_000,
  renewMs: 30_000,
  /** Waiting before a new connection in Socket Mode, ms: doubled up to the most. */
  reconnectMinMs: 500,
  reconnectMaxMs: 60_000,
  /** Of the address that comes along with a command: characters, answers, how long it holds, ms. */
  replyUrl: 500,
  replies: 5,
  replyMs: 30 * 60_000,
  /** Such addresses of which it is known how often they were used. */
  replyAddresses: 5_000,
  /** From a connection's opening to its greeting, ms. */
  helloMs: 30_000,
} as const;
