// What the Bot API takes, by name and unit (core.telegram.org/bots/api).

/** Of the Bot API. */
export const telegramLimits = {
  /** UTF-16 units of a message after its marks are read. */
  text: 4_096,
  /** Bytes of what a button says when it is pressed. */
  callbackBytes: 64,
  /** Buttons of a message. */
  buttons: 100,
  /** Bytes of a photo and of other files. */
  photoBytes: 10 * 1_000 * 1_000,
  fileBytes: 50 * 1_000 * 1_000,
  /** Bytes of an update. */
  updateBytes: 1_024 * 1_024,
  /** The sign of typing lasts so long, ms. */
  typingMs: 5_000,
  /** Updates are kept for 24 hours and delivered again meanwhile. */
  dedupeHours: 48,
} as const;
