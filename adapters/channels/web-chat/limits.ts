// Limits of the web chat, by name and unit.

/** Of it. */
export const webChatLimits = {
  /** A request's body, bytes. */
  bodyBytes: 64 * 1024,
  /** Characters of a visitor's message, and of one part of an answer. */
  messageChars: 12_000,
  textChars: 20_000,
  /** A ticket, s; its holder gets the next with it. */
  ticketS: 3_600,
  /** Days within which who was here is known again, unless the account says. */
  visitorDays: 30,
  /** What a signed user token's clock may be off, s. */
  clockS: 60,
  /** Wait of one request for events, s, and events of one answer. */
  waitS: 25,
  events: 100,
  /** Requests in a minute where the account says nothing: messages of a visitor, and of an address. */
  visitorMessages: 20,
  addressMessages: 120,
  /** New visitors of an address, and requests for events of a visitor, in a minute. */
  addressVisitors: 60,
  visitorPolls: 240,
  /** Visitors and addresses whose rate is known: who was silent longest goes. */
  rates: 20_000,
  /** Conversations in which an answer is being written. */
  typing: 10_000,
  /** How long that is shown, ms. */
  typingMs: 15_000,
  /** A file of an answer, bytes. */
  fileBytes: 4 * 1024 * 1024,
  /** The largest file a visitor may be allowed to send, one piece of it, and the request with that, bytes. */
  visitorFileBytes: 4 * 1024 * 1024,
  pieceBytes: 512 * 1024,
  uploadBytes: 768 * 1024,
  /** Pieces in a minute, of a visitor and of an address. */
  visitorPieces: 40,
  addressPieces: 160,
  /** Characters of a file's name. */
  fileName: 200,
  /** Origins, and secrets at once. */
  origins: 100,
  secrets: 5,
  secretChars: 32,
} as const;
