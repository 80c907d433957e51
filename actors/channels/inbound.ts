// What comes in from a channel, the same from every platform: an adapter has verified it and says it in
// these words; a session takes it in. Plain data, which is stored and crosses threads.

/** Who has written, as the platform knows them. Names are never an identity. */
export interface Sender {
  /** The platform's id: stable where the platform has a stable one. */
  readonly id: string;
  /**
   * Further ids by which the platform vouches for the same person, at most 4 (a telephone number besides a
   * user id): lists of senders may name any of them.
   */
  readonly aliases?: readonly string[];
  readonly name?: string;
  /** Another program. */
  readonly isBot: boolean;
  /** This server itself: its own echo. */
  readonly isSelf: boolean;
  /** Nobody has written it: an auto-reply, a report of a delivery, a mailing list. It is never answered. */
  readonly isAutomatic: boolean;
  /** Whether the platform vouches for `id` (a mail's sender: only with DKIM or DMARC). */
  readonly isVerified: boolean;
}

/** A file that came along; it is fetched only when somebody wants it. */
export interface FileRef {
  /** Of the platform. */
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  /** As declared; null: the platform does not say. */
  readonly bytes: number | null;
  /** Where the adapter finds it. Never an address that the sender chose freely. */
  readonly at: ChannelData;
}

/** Plain JSON that only the adapter reads. */
export type ChannelData = Readonly<Record<string, unknown>>;

/** Where something was said, in the platform's ids. The session of it follows from these and the scope. */
export interface Place {
  /** A room, a direct conversation, a telephone number, a mailbox's thread. */
  readonly conversation: string;
  /** Within it; where the platform has threads, the id of its first message. */
  readonly thread?: string;
  readonly user?: string;
  /** Who that is on all channels, where it is known: what is linked. Never an adapter's word. */
  readonly person?: string;
  /** A conversation of two: of it every message is meant for us. */
  readonly isDirect: boolean;
}

/** What every event has. */
interface Event {
  /**
   * By which it is known when it comes again: any hit is a repeat. At least one; the platform's id of the
   * delivery and the id of what it is about, where both exist. 1..300 characters each.
   */
  readonly dedupe: readonly string[];
  readonly place: Place;
  /** Where an answer goes: stored, and given to `send` as it is. Never made by a model. */
  readonly address: ChannelData;
  readonly sender: Sender;
  /** When it was said there, ms since the epoch. */
  readonly atMs: number;
}

/** Somebody has said something. */
export interface MessageEvent extends Event {
  readonly kind: "message";
  /** The platform's id of the message: what edits, deletions and statuses name. */
  readonly message: string;
  /** Markdown or plain text; "" with files alone. */
  readonly text: string;
  readonly files?: readonly FileRef[];
  /** We are named in it. In rooms others are not answered unless the channel says so. */
  readonly isMention?: boolean;
  /** The message it answers. */
  readonly answers?: string;
}

/** What was said is different now; it may come before what it changes. */
export interface EditEvent extends Event {
  readonly kind: "edit";
  readonly message: string;
  readonly text: string;
}

/** What was said is gone; it may come before what it removes. */
export interface DeleteEvent extends Event {
  readonly kind: "delete";
  readonly message: string;
}

/** A command of the platform's own (`/status` of Slack). Those written as text are found by the session. */
export interface CommandEvent extends Event {
  readonly kind: "command";
  /** Without the slash, in lower case: new, stop, agent, status, help, approve, reject; others are a message to the agent. */
  readonly name: string;
  readonly text: string;
}

/** A button of ours was pressed. */
export interface ActionEvent extends Event {
  readonly kind: "action";
  /** As `Button.action` was given. */
  readonly action: string;
  /** The message that has the button. */
  readonly message?: string;
}

/** What has become of a message that we sent; in any order. */
export interface StatusEvent extends Event {
  readonly kind: "status";
  /** Id of its receipt. */
  readonly receipt: string;
  readonly state: "sent" | "delivered" | "read" | "failed";
  /** Why it failed, in words for people. */
  readonly reason?: string;
  /** What that means, where the platform says it only now; as SendFailure. `window`: a template may be sent instead. */
  readonly failure?: "window" | "gone";
  /** The key it was sent under, where the platform echoes it. */
  readonly key?: string;
}

/** Whoever was known by one id has another now: of a user, or of a whole conversation. */
export interface IdentityEvent extends Event {
  readonly kind: "identity";
  readonly of: "user" | "conversation";
  readonly from: string;
  readonly to: string;
}

/** Anything that comes in. */
export type Inbound =
  | MessageEvent
  | EditEvent
  | DeleteEvent
  | CommandEvent
  | ActionEvent
  | StatusEvent
  | IdentityEvent;
