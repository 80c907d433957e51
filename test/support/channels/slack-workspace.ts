// What the fake Slack knows: rooms and their messages, tokens, files. Names and errors are the platform's own.

/** A message as the Web API shows it. */
export interface SlackMessage {
  type: "message";
  ts: string;
  text: string;
  user?: string;
  bot_id?: string;
  app_id?: string;
  thread_ts?: string;
  blocks?: unknown[];
  metadata?: unknown;
  edited?: { user: string; ts: string };
  files?: { id: string; title: string }[];
}

/** A file that was uploaded or is there to be fetched. */
export interface SlackFile {
  readonly id: string;
  readonly name: string;
  bytes: Uint8Array | null;
  readonly length: number;
}

/** Who the bot is. */
export const BOT = { user: "UBOT1", bot: "BBOT1", app: "ATROUPE1", team: "TTEAM1", name: "troupe" };
/** Its token, and what it may do. */
export const TOKEN = "xoxb-fake-1";
export const SCOPES =
  "chat:write,app_mentions:read,im:history,channels:history,groups:history,files:read,files:write";

/** Answers that an address of a command takes. */
const REPLIES = 5;

/** State of the fake. */
export class SlackWorkspace {
  readonly rooms = new Map<string, SlackMessage[]>([
    ["CROOM1", []],
    ["CROOM2", []],
    ["DDIRECT1", []],
  ]);
  readonly archived = new Set<string>();
  /** Rooms that the bot is no member of. */
  readonly foreign = new Set<string>();
  /** Addresses that came along with commands: what was answered there, and until when they hold. */
  readonly replies = new Map<
    string,
    { endsMs: number; readonly said: Record<string, unknown>[] }
  >();
  /** Bot tokens -> when they end, ms; null never. */
  readonly tokens = new Map<string, number | null>([[TOKEN, null]]);
  readonly appTokens = new Set(["xapp-fake-1"]);
  /** Refresh tokens that were not used yet. */
  readonly refresh = new Set<string>();
  readonly client = { id: "1.2", secret: "client-secret-1" };
  readonly files = new Map<string, SlackFile>();
  readonly statuses: { channel: string; thread: string; status: string }[] = [];
  scopes = SCOPES;
  /** Posts that each room takes in a second; the platform's is 1. */
  postsPerSecond = Number.POSITIVE_INFINITY;
  readonly #posts = new Map<string, number[]>();
  #count = 0;

  /** A new message's time: unique, and in order. */
  nextTs(): string {
    this.#count += 1;
    return `${Math.floor(Date.now() / 1_000)}.${String(this.#count).padStart(6, "0")}`;
  }

  /** A new id of a kind. */
  nextId(prefix: string): string {
    this.#count += 1;
    return `${prefix}FAKE${this.#count}`;
  }

  /** Somebody says something. */
  say(channel: string, message: Partial<SlackMessage>): SlackMessage {
    const said: SlackMessage = { type: "message", ts: this.nextTs(), text: "", ...message };
    this.rooms.get(channel)?.push(said);
    return said;
  }

  /** A new address that a command is answered at. @returns its path. */
  replyPath(lastsMs = 30 * 60_000): string {
    const path = `/hooks/commands/${BOT.team}/${this.nextId("")}/secret-of-a-command`;
    this.replies.set(path, { endsMs: Date.now() + lastsMs, said: [] });
    return path;
  }

  /** Somebody answers there. */
  reply(path: string, body: Record<string, unknown>) {
    const at = this.replies.get(path);
    const no = (error: string) => ({ status: 404, body: { ok: false, error } });
    if (at === undefined || at.endsMs <= Date.now()) return no("expired_url");
    if (at.said.length >= REPLIES) return no("used_url");
    if (typeof body["text"] !== "string" || body["text"] === "") {
      return { status: 400, body: { ok: false, error: "no_text" } };
    }
    at.said.push(body);
    return { body: { ok: true } };
  }

  /** What the bot has said in a room, oldest first. */
  saidByBot(channel: string): SlackMessage[] {
    return (this.rooms.get(channel) ?? []).filter(({ bot_id }) => bot_id === BOT.bot);
  }

  /** Counts a post; false when there were too many in the last second. */
  mayPost(channel: string): boolean {
    const now = Date.now();
    const recent = (this.#posts.get(channel) ?? []).filter((at) => now - at < 1_000);
    if (recent.length >= this.postsPerSecond) return false;
    this.#posts.set(channel, [...recent, now]);
    return true;
  }
}
