// Answers that grow while they are written, where a platform can edit: a message is sent early and changed, at
// most once a second, until the answer's delivery takes its place. Only a preview: it is the delivery that is
// sure. The session is told before the message goes out, and again when it is there, so that after a crash its
// place is found; whoever sends the answer first ends the preview, so that no late edit undoes it.

import type { Receipt } from "../../actors/channels/outgoing.ts";
import type { ChannelAsk } from "../../actors/channels/port.ts";
import { sessionAddress } from "../../actors/channels/session-key.ts";
import type { LiveTold } from "../../actors/channels/session-live.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";
import type { System } from "../../runtime/system.ts";
import type { ChatService } from "../http/services/chat.ts";
import type { Account } from "./account.ts";
import type { SendOptions } from "./adapter.ts";
import { wellFormed } from "./hidden-secrets.ts";

/** Previews of a server at once; further answers are shown when they are whole. */
const LIVE_MAX = 1_000;
/** Between two edits, ms: platforms allow about one a second. */
const EDIT_MS = 1_200;
/** Text that is worth a message. */
const CHARS_MIN = 40;
const CALL_MS = 10_000;
/** Of a text that grows, so many messages' characters are read for its preview, which shows the first of them. */
const READ_MESSAGES = 2;
/** What says that more follows. */
const MORE = " …";

/** What it works with. */
export interface LiveParts {
  readonly chat: Pick<ChatService, "attach">;
  readonly system: Pick<System, "ask">;
}

/** One preview. */
interface Live {
  readonly stop: AbortController;
  /** Resolves when nothing of it is sent any more. */
  readonly over: Promise<void>;
  receipt: Receipt | null;
}

/** All of them. */
export class LiveAnswers {
  readonly #parts: LiveParts;
  readonly #byKey = new Map<string, Live>();

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Begins to show what a run writes. Best effort: it neither throws nor is waited for. */
  begin(account: Account, ask: ChannelAsk, run: string): void {
    const key = liveKey(ask.question);
    if (account.instance.edit === undefined || this.#byKey.size >= LIVE_MAX) return;
    if (this.#byKey.has(key)) return;
    const stop = new AbortController();
    const live: { -readonly [K in keyof Live]: Live[K] } = {
      ...{ stop, receipt: null, over: Promise.resolve() },
    };
    this.#byKey.set(key, live);
    const show = new Preview(account, ask, key, this.#parts.system);
    live.over = this.#follow(show, live, { tenant: ask.tenant, run })
      .catch(() => undefined)
      .finally(() => this.#byKey.delete(key));
  }

  /** Nothing of the preview is sent after this. By its key, or by the message that shows it. */
  async end(of: { readonly key?: string; readonly receipt?: Receipt }): Promise<void> {
    const live =
      of.key === undefined
        ? [...this.#byKey.values()].find((one) => one.receipt?.id === of.receipt?.id)
        : this.#byKey.get(of.key);
    if (live === undefined || (of.key === undefined && live.receipt === null)) return;
    live.stop.abort();
    await live.over;
  }

  close(): void {
    for (const { stop } of this.#byKey.values()) stop.abort();
  }

  async #follow(
    show: Preview,
    live: Live,
    { tenant, run }: { readonly tenant: string; readonly run: string },
  ): Promise<void> {
    const { signal } = live.stop;
    const frames = await this.#parts.chat.attach(tenant, run, { signal });
    const texts = new Map<string, string>();
    const written = (): string => [...texts.values()].filter((text) => text !== "").join("\n\n");
    let isOver = false;
    const reading = (async () => {
      for await (const some of frames) for (const frame of some) isOver ||= taken(texts, frame);
    })().finally(() => {
      isOver = true;
    });
    while (!isOver && !signal.aborted) {
      await Promise.race([pause(EDIT_MS, signal), reading.catch(() => undefined)]);
      if (isOver || signal.aborted) break;
      const receipt = await show.show(written(), signal);
      live.receipt = receipt;
    }
    await reading;
  }
}

/** Key that a preview is sent under. */
export function liveKey(question: string): string {
  return `${question}.live`;
}

/** One message that grows. */
class Preview {
  readonly #account: Account;
  readonly #ask: ChannelAsk;
  readonly #key: string;
  readonly #system: Pick<System, "ask">;
  #receipt: Receipt | null = null;
  #shown = "";
  #isOver = false;

  constructor(account: Account, ask: ChannelAsk, key: string, system: Pick<System, "ask">) {
    this.#account = account;
    this.#ask = ask;
    this.#key = key;
    this.#system = system;
  }

  /** Shows the text as far as one message takes it. */
  async show(written: string, signal: AbortSignal): Promise<Receipt | null> {
    const { adapter, instance, pacing } = this.#account;
    // What follows it would be read again with every edit, and not be shown.
    const text = written.slice(0, READ_MESSAGES * adapter.capabilities.textMax);
    if (this.#isOver || text.length < CHARS_MIN || text === this.#shown) return this.#receipt;
    const { address, place } = this.#ask;
    const [part] = instance.render({ text: `${wellFormed(text)}${MORE}` });
    if (part === undefined || signal.aborted) return this.#receipt;
    // The answer's own sends have the room first: where there is none, a preview is left out.
    const waiting = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
    // Threads of one room share its rate.
    await pacing.turn(place ?? JSON.stringify(address), waiting);
    if (this.#receipt === null) await this.#tell({});
    if (signal.aborted) return this.#receipt;
    const within = AbortSignal.timeout(CALL_MS);
    const options: SendOptions = { key: this.#key, attempt: 1, signal: within, isPreview: true };
    const result =
      this.#receipt === null
        ? await instance.send(part, address, options)
        : await instance.edit?.(this.#receipt, part, address, options);
    this.#shown = text;
    if (!result?.ok) {
      // A message that may be there and cannot be named is looked for when the answer goes out.
      this.#isOver = true;
      return this.#receipt;
    }
    if (this.#receipt === null) {
      this.#receipt = result.receipt;
      await this.#tell({ receipt: result.receipt });
    }
    return this.#receipt;
  }

  async #tell(more: Pick<LiveTold, "receipt">): Promise<void> {
    const { tenant, session, question } = this.#ask;
    const told: LiveTold = { type: "live", question, key: this.#key, ...more };
    await this.#system.ask(sessionAddress(tenant, session), told);
  }
}

/** Whether it was the last frame. */
function taken(texts: Map<string, string>, frame: Frame): boolean {
  if (frame.type === "end") return true;
  if (!("step" in frame) || isAside(frame.run)) return false;
  const step = `${frame.run}:${frame.step}`;
  if (frame.type === "text")
    texts.set(step, (texts.get(step) ?? "").slice(0, frame.offset) + frame.text);
  else if (frame.type === "reset") texts.set(step, "");
  else texts.set(step, frame.text);
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
