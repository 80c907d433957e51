// Limits of e-mail, by name and unit.

/** Of the adapter. */
export const emailLimits = {
  /** Largest mail that is fetched whole, bytes: default, least and most of the setting. */
  mailBytes: 25 * 1_024 * 1_024,
  mailBytesMin: 1_024,
  mailBytesMax: 50 * 1_024 * 1_024,
  /** What one answer of an IMAP server may be beyond a mail, bytes. */
  answerBytes: 4 * 1_024 * 1_024,
  /** Ids asked for in one look at a mailbox; further ones come in the next. */
  listed: 200,
  /** Mails looked at again after a mailbox was numbered anew, and how old the oldest of them may be, ms. */
  relisted: 500,
  relistMs: 14 * 24 * 3_600_000,
  /** Pause after the last command before the connection waits for news, ms. */
  idleDelayMs: 200,
  /** IDLE is renewed before servers and routers forget it, ms (RFC 2177: under 29 minutes). */
  idleMs: 4 * 60_000,
  /** Waiting between attempts to reach a mailbox, ms. */
  reconnectMinMs: 500,
  reconnectMaxMs: 60_000,
  /**
   * Where another server takes the mails of a folder: one that it leaves unclaimed for so long is ours, and one
   * that it has claimed and not taken in, ms. The first is the time without answers when it dies; the second
   * is long beyond what taking in may take.
   */
  standBackMs: 2 * 60_000,
  overtakeMs: 15 * 60_000,
  /** A mail that is waited for is looked at again after, ms. */
  claimLookMs: 2_000,
  /** Attempts to claim a mail that others change meanwhile. */
  claimTries: 10,
  /** Logins refused one after another before the account is given up. */
  loginsRefused: 3,
  /** A second connection for files and sent copies is kept so long after its last use, ms. */
  deskIdleMs: 20_000,
  /** Uses of that connection that may wait for it. */
  deskWaiting: 200,
  /** Ids read from In-Reply-To and References, and characters of one. */
  references: 100,
  idChars: 250,
  /** References that are written, bytes: the first and the last ones stay. */
  referencesBytes: 900,
  /** Characters of a subject, a display name, a file's name. */
  subjectChars: 250,
  nameChars: 120,
  fileNameChars: 150,
  /** Names of files beyond `channelLimits.files` that are told in the text, characters. */
  furtherNamesChars: 1_000,
  /** Of the mail that is answered, quoted below the answer, characters. */
  quoteChars: 2_000,
  /** Lines looked at for quotes, and characters of each. */
  trimLines: 400,
  trimLineChars: 300,
  /** Mails up to this are read where they are fetched, others in a thread that can be stopped, bytes; its time, ms, and memory, MiB. */
  readHereBytes: 16 * 1_024,
  readMs: 15_000,
  readMemoryMib: 384,
  /** Of one mail: recipients, files, headers by name, values of each and characters of one. */
  recipients: 200,
  files: 500,
  headers: 300,
  headerValues: 50,
  headerChars: 8_192,
  /** Of its HTML and its text, characters: what is beyond is not read. */
  htmlChars: 2_000_000,
  textChars: 250_000,
  /** Of each part of a report, bytes. */
  reportBytes: 64 * 1_024,
  /** Recipients of a report that are looked at. */
  reportRecipients: 20,
  /** Of what a server said, characters. */
  reasonChars: 300,
  /** Connections to the SMTP server, and mails of each. */
  smtpConnections: 2,
  smtpMails: 100,
  /** A transport is made anew, and its host looked up again, after this, ms. */
  transportMs: 10 * 60_000,
  /** Files of one mail, bytes in all: a third more when they are written as base64. */
  filesBytes: 18 * 1_024 * 1_024,
  /** Time for an SMTP server to answer to a whole mail, ms (RFC 5321 4.5.3.2 wants minutes; the lane has less). */
  smtpAnswerMs: 25_000,
} as const;
