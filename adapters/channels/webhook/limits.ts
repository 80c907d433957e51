// Limits of the webhook channel, by name and unit.

/** Of it. */
export const webhookLimits = {
  /** An inbound body, bytes. */
  bodyBytes: 1024 * 1024,
  /** Files that come within a body, bytes in all: they lie with the message until it is answered. */
  inlineFileBytes: 256 * 1024,
  /** Files that go out within a callback or an answer, bytes in all. */
  fileBytes: 4 * 1024 * 1024,
  /** Characters of one part of an answer. */
  textChars: 50_000,
  /** A status URL, s. */
  statusUrlS: 24 * 3_600,
  /** Wait of a poll and of a synchronous answer, s. */
  pollWaitS: 25,
  syncWaitS: 60,
  /** Messages of one poll. */
  pollMessages: 100,
  /** Characters of names and ids in a body. */
  idChars: 200,
} as const;
