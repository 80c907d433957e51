// What WhatsApp takes, by name and unit (developers.facebook.com, WhatsApp Cloud API, messages and media).

/** Of the Cloud API. */
export const whatsappLimits = {
  /** Characters of a text, of the text above buttons, of a file's caption. */
  text: 4_096,
  interactiveBody: 1_024,
  caption: 1_024,
  /** Buttons of a message and characters of a title; more buttons are rows of a list. */
  buttons: 3,
  buttonTitle: 20,
  rows: 10,
  rowTitle: 24,
  rowDescription: 72,
  listButton: 20,
  /** Characters of a template's parameter. */
  parameter: 1_024,
  /** Bytes of a file. */
  imageBytes: 5 * 1_024 * 1_024,
  audioBytes: 16 * 1_024 * 1_024,
  videoBytes: 16 * 1_024 * 1_024,
  documentBytes: 100 * 1_024 * 1_024,
  /** Bytes of a webhook: Meta sends at most 3 MB. */
  webhookBytes: 4 * 1_024 * 1_024,
  /** Characters of a challenge that is answered. */
  challenge: 1_024,
  /** After a message of theirs anything may be said, ms; after one that an advertisement led to. */
  windowMs: 24 * 3_600_000,
  adWindowMs: 72 * 3_600_000,
  /** The sign that an answer is being written lasts so long, ms. */
  typingMs: 25_000,
  /** Meta delivers again for 7 days. */
  dedupeHours: 8 * 24,
} as const;
