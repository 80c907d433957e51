// The interface of a channel. An adapter knows one platform: what a signature is there, what an event
// means, how a message is written and what the answers to a send say. It keeps nothing: sessions,
// repeats, queues, retries and order are the server's (actors/channels). `defineChannel` (define.ts) fills in
// what most do alike. README.md beside this file has an example; test/adapters/channels/conformance.ts holds
// every adapter to the same promises.
//
//   inbound   a request of the platform -> `routes[].handle`: verify, parse, say it as Inbound events;
//             the server commits them, then answers with `ack`. Or a `source` that fetches (IMAP).
//   outbound  an Outgoing -> `render`: parts, pure -> `send` each, in order, told what became of it.

import type { SessionScope } from "../../actors/channels/channel.ts";
import type { ChannelData, FileRef, Inbound } from "../../actors/channels/inbound.ts";
import type {
  Outgoing,
  OutgoingFile,
  Part,
  Receipt,
  Reconciled,
  SendResult,
} from "../../actors/channels/outgoing.ts";
import type { Static, TSchema } from "../../actors/schema.ts";
import type { Log } from "../../runtime/log.ts";
import type { Mailbox } from "./mailbox.ts";

/** What a platform can do. */
export interface Capabilities {
  /** Most of one message's text, in `unit`. */
  readonly textMax: number;
  readonly textUnit: "utf16" | "codepoint" | "byte";
  /** Sent messages can be changed: answers grow while they are written, approvals are updated. */
  readonly edit: boolean;
  readonly buttons: boolean;
  /** How long a typing sign lasts there, ms; 0: there is none. */
  readonly typingMs: number;
  /** Largest file out, bytes; 0: none. */
  readonly fileBytesMax: number;
  /** How long repeats are known for, hours: longer than the platform repeats. */
  readonly dedupeHours: number;
  /** Default time after which an answer is not sent any more, ms. */
  readonly deliverWithinMs: number;
  /** Sends that the platform allows: of the account, and to one conversation; tokens refill evenly. */
  readonly accountRate: Rate;
  readonly conversationRate: Rate;
}

/** So many in so many ms, and so many at once. */
export interface Rate {
  readonly calls: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A request of the platform as it came: bytes are never decoded before they are verified. */
export interface ChannelRequest {
  readonly method: "GET" | "POST";
  /** Below the account's own path: "" or "/interactive". */
  readonly path: string;
  /** Names in lower case; a header that came twice is joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  /** The configured public address of this route, "" when none is: never made from Host. */
  readonly publicUrl: string;
  /** Address of the client as the server's rules for proxies say; absent: not known. */
  readonly clientAddress?: string;
}

/** What is answered. */
export interface ChannelResponse {
  readonly status: number;
  /** Default text/plain; charset=utf-8. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a request was. */
export type Handled =
  /** Verified and understood. `ack` is sent when all events are on disk; `nack` when that failed. */
  | {
      readonly events: readonly Inbound[];
      readonly ack: ChannelResponse;
      /** Default 503 with Retry-After: the platform delivers again. Where it never does: a text for people, with 200. */
      readonly nack?: ChannelResponse;
      /**
       * What is answered in place of `ack`, found out when all events are on disk: it may wait for long (the
       * answer itself, a long poll). The signal ends when the client is gone or the server stops. Must not throw.
       */
      readonly later?: (signal: AbortSignal) => Promise<ChannelResponse>;
      /** What could not be understood of it and is set aside, to be looked at: why, and of what. */
      readonly parked?: readonly Parked[];
    }
  /** Refused: 400, 401, 403; nothing was enqueued. */
  | { readonly refused: ChannelResponse };

/** A piece of a delivery that is no event: kept beside the events it came with. */
export interface Parked {
  readonly reason: string;
  /** At most `channelLimits.parkedBytes`. */
  readonly raw: string;
}

/** A route of an account, below `/gateway/<kind>/<account>`. */
export interface ChannelRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Largest body, bytes. */
  readonly bodyMax: number;
  /**
   * Verifies and parses. No other I/O than keys that are cached and the account's mailbox. Must not throw
   * for what was sent.
   */
  handle(request: ChannelRequest): Handled | Promise<Handled>;
}

/** Where a source hands over what it has fetched. */
export interface Sink {
  /** What `commit` was given last; null: never. */
  cursor(): Promise<ChannelData | null>;
  /** Events and the cursor behind them: resolves when both are on disk. What comes twice is dropped. */
  commit(
    events: readonly Inbound[],
    cursor: ChannelData,
    parked?: readonly Parked[],
  ): Promise<void>;
  /** Shown in the account's health. @param detail why not; while it is connected, what an operator should know. */
  status(state: "connected" | "disconnected", detail?: string): void;
}

/** How a part is sent. */
export interface SendOptions {
  /** The same for every attempt at this part: the platform's idempotency key where it has one. 1..120 characters. */
  readonly key: string;
  /** 1, 2, ... */
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** For `reconcile`: it was not sent before, by our clock. Default: not known. */
  readonly sinceMs?: number;
  /** It only shows what is being written: it is left out where it cannot be changed. */
  readonly isPreview?: true;
}

/** What an account depends on outside. Everything it does goes through here, so that tests and limits hold. */
export interface ChannelEnvironment {
  /** Of the account, for logs. */
  readonly account: string;
  /** HTTP to the platform, through the egress guard: bounded in time and size, no redirects, and private addresses only where the operator allows the host. Never throws. */
  call(request: PlatformRequest): Promise<PlatformAnswer>;
  /**
   * Opens a WebSocket of the platform, through the same guard (adapters/egress-socket.ts). Where it is
   * absent an adapter that needs it says so. @throws RuntimeError EGRESS_REFUSED, PROVIDER_UNAVAILABLE.
   */
  connect?(request: SocketRequest): Promise<PlatformSocket>;
  nowMs(): number;
  readonly log: Log;
  /** Fields that must outlive the process and that only this account writes: rotated tokens. Sealed on the disk. */
  readonly kept: Kept;
  /** Where messages wait for a client that fetches them: kept by the server. Absent: it keeps none for this account. */
  readonly mailbox?: Mailbox;
  /** The account is only looked at: what can be used once is not used up. */
  readonly looksOnly?: true;
  /** The bytes of a file that is to be sent. */
  readFile(file: OutgoingFile): Promise<Uint8Array>;
  /**
   * The address a connection of another protocol than HTTP (IMAP, SMTP) is opened to, held to the egress
   * guard's rules: a private one only where the operator allows the host. Absent: there are no such connections.
   * @throws RuntimeError EGRESS_REFUSED.
   */
  resolveHost?(host: string): Promise<string>;
}

/** One HTTP call of a platform. */
export interface PlatformRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** Of the answer; default 1 MiB. More is `reached: false`. */
  readonly bytesMax?: number;
}

/** What came back, whatever its status. */
export type PlatformAnswer =
  | {
      readonly reached: true;
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
    }
  /** No whole answer. `mayHaveArrived`: the request had gone out, so that what it asked for may be done. */
  | { readonly reached: false; readonly mayHaveArrived: boolean; readonly reason: string };

/** A WebSocket to be opened. */
export interface SocketRequest {
  /** ws: or wss:, without credentials. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborted: it is closed. */
  readonly signal: AbortSignal;
  /** Largest frame, bytes; one more closes it. Default 1 MiB. */
  readonly bytesMax?: number;
  /** Without a frame, a ping or a pong for so long it is closed; pings of ours go out meanwhile. Default 30,000. */
  readonly silenceMs?: number;
}

/** An open WebSocket. */
export interface PlatformSocket {
  /** Its text frames in order, for one reader; ends when it is closed, for whatever reason. A slow reader slows the platform. */
  readonly messages: AsyncIterable<string>;
  /** False: it is not open any more. */
  send(text: string): boolean;
  close(): void;
  /** The code the other side closed it with (RFC 6455, 7.4), once `messages` has ended; null: none was said. */
  closeCode?(): number | null;
}

/** Named secrets of an account that change while it runs. */
export interface Kept {
  get(name: string): Promise<string | null>;
  /** One writer at a time: `change` is given the stored value; what it returns is stored. */
  update(name: string, change: (before: string | null) => Promise<string>): Promise<string>;
}

/** What a look at an account found. */
export interface Finding {
  readonly ok: boolean;
  /** One sentence: what was looked at, or what is wrong. */
  readonly text: string;
  /** What to do about it. */
  readonly help?: string;
}

/** One account at a platform, open. */
export interface ChannelInstance {
  readonly routes: readonly ChannelRoute[];
  /** Fetches what comes in until `signal`; reconnects by itself and throws only when that is hopeless (class auth). */
  source?(sink: Sink, signal: AbortSignal): Promise<void>;
  /** Pure: the same Outgoing gives the same parts. Never an empty list; a text of nothing is one part "". */
  render(outgoing: Outgoing): readonly Part[];
  /** The same parts without marks, for a platform that refused the marks. */
  renderPlain(outgoing: Outgoing): readonly Part[];
  /** Never throws for what the platform says: that is a SendResult. */
  send(part: Part, address: ChannelData, options: SendOptions): Promise<SendResult>;
  /** Changes what was sent. Present with `capabilities.edit`. */
  edit?(
    receipt: Receipt,
    part: Part,
    address: ChannelData,
    options: SendOptions,
  ): Promise<SendResult>;
  /** Sign that an answer is being written; best effort. Present with `capabilities.typingMs`. */
  typing?(address: ChannelData, signal: AbortSignal): Promise<void>;
  /**
   * Asks the platform about a send whose answer was lost. Absent: it is unknown. What only cannot be asked just
   * now is `later`: it is asked again, and nothing else is said there meanwhile.
   */
  reconcile?(part: Part, address: ChannelData, options: SendOptions): Promise<Reconciled>;
  /** At most `bytesMax`, more is an error; our credentials go to the platform's own hosts alone. */
  fetchFile?(file: FileRef, bytesMax: number, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Where somebody is written to first, by the platform's id of a person or a room. Absent: nobody is. Null: it is
   * no id there. Pure; `key` tells what begins there from other such.
   */
  reach?(
    to: string,
    about: { readonly subject: string; readonly key: string },
  ): { readonly conversation: string; readonly address: ChannelData } | null;
  /** What is told of a conversation where only a template may be sent: its parts, or null when none is configured. */
  template?(address: ChannelData): Part | null;
  /** Looks at the account from outside, for `troupe gateway doctor` and `/v2/channels/{id}/check`. */
  probe(signal: AbortSignal): Promise<readonly Finding[]>;
  /** Closes connections. */
  close(): Promise<void>;
}

/** A kind of channel. */
export interface ChannelAdapter<Schema extends TSchema = TSchema> {
  /** "slack": in paths, keys and settings. */
  readonly kind: string;
  /** What an account's `settings` may hold, without additional properties; descriptions are its documentation. */
  readonly settings: Schema;
  /** Names of settings that are secrets: sealed on the disk, never shown. */
  readonly secrets: readonly string[];
  readonly capabilities: Capabilities;
  /** What of a sender's `place` makes a session when the account does not say. */
  readonly sessionScope: SessionScope;
  /**
   * What a person is told by a request to this path of an account while the server that has the sessions cannot
   * be reached, where the platform never delivers again: nothing is verified, so it says the same to everybody.
   */
  offline?(path: string): ChannelResponse | null;
  /** Opens an account. @throws RuntimeError INVALID with the pointer of a setting that is missing or wrong. */
  create(settings: Static<Schema>, environment: ChannelEnvironment): ChannelInstance;
}
