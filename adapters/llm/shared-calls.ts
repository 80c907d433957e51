// Calls of models that may be made once for several: the port of a worker, in front of the one that makes
// them. Main says of each whether it was answered before, leads, or follows one that is under way.

import { createHash } from "node:crypto";
import type { Llm, LlmEvent, LlmRequest, LlmResult, Usage } from "../../actors/ports.ts";
import { fromErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import { estimateTokens } from "./answer.ts";
import type { HubAsk, HubTell } from "./hub-messages.ts";

/** A call whose leader was lost is shared so often; then it is made for itself. */
const SHARED_MAX = 3;

type Options = Parameters<Llm["complete"]>[1];

/** Digest of all that an answer depends on; whether it is streamed is not among that. */
function keyOf({ stream: _, grounding: __, ...request }: LlmRequest): string {
  return createHash("sha256").update(JSON.stringify(request)).digest("base64url");
}

type Take = (message: HubTell) => void;

/** The calls of one worker that may be shared. */
export class SharedCalls {
  readonly #llm: Llm;
  readonly #line: HostLine;
  /** Who waits for what main says, by call. */
  readonly #calls = new Map<number, Take>();
  #last = 0;

  constructor(llm: Llm, line: HostLine) {
    this.#llm = llm;
    this.#line = line;
    line.receive((message) => {
      const told = message as HubTell;
      this.#calls.get(told.id)?.(told);
    });
  }

  async complete(request: LlmRequest, options: Options, isCached: boolean): Promise<LlmResult> {
    const key = keyOf(request);
    for (let time = 0; time < SHARED_MAX; time += 1) {
      if (options.signal.aborted) throw reasonOf(options.signal);
      const result = await this.#once(request, options, { key, isCached });
      if (result !== undefined) return result;
    }
    return await this.#llm.complete(request, options);
  }

  /** Asks main, and does what it says; undefined when the call that was followed is lost. */
  #once(
    request: LlmRequest,
    options: Options,
    of: { readonly key: string; readonly isCached: boolean },
  ): Promise<LlmResult | undefined> {
    this.#last += 1;
    const id = this.#last;
    const { signal, caller } = options;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#calls.delete(id);
        this.#send({ type: "failed", id, error: toErrorData(reasonOf(signal)), isOwn: true });
        reject(reasonOf(signal));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      // What to do is begun at once: what main says next is for who does it.
      this.#calls.set(id, (told) => {
        signal.removeEventListener("abort", onAbort);
        this.#calls.delete(id);
        if (told.type === "answer") resolve(shown(told.result, options));
        else if (told.type === "lead") resolve(this.#lead(id, request, options));
        else if (told.type === "follow") resolve(this.#follow(id, options));
        else resolve(this.#llm.complete(request, options));
      });
      const { stream } = request;
      this.#send({ type: "ask", id, tenant: caller.tenant, stream, ...of });
    });
  }

  /** Makes the call, and shows it to those who follow. */
  #lead(id: number, request: LlmRequest, options: Options): Promise<LlmResult> {
    const { caller, signal, onEvent } = options;
    const cut = new AbortController();
    const live = new LeadEvents((events) => this.#send({ type: "events", id, events }));
    return new Promise((resolve, reject) => {
      let leftWith: string | undefined;
      const onAbort = (): void => {
        if (!live.isFollowed) {
          cut.abort(signal.reason);
          return;
        }
        // Others have been shown a part of it: it goes on for them.
        leftWith = live.text;
        this.#send({ type: "leave", id });
        reject(reasonOf(signal));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#calls.set(id, ({ type }) => {
        if (type === "show") live.show();
        else if (type === "unwanted") cut.abort(reasonOf(signal));
      });
      const called = this.#llm.complete(request, {
        ...{ caller, signal: cut.signal },
        onEvent(event) {
          live.push(event);
          if (leftWith === undefined) onEvent?.(event);
        },
      });
      const over = (message: HubAsk): void => {
        signal.removeEventListener("abort", onAbort);
        live.flush();
        this.#calls.delete(id);
        this.#send(message);
      };
      called.then(
        (result) => {
          const unpaid = leftWith === undefined ? undefined : unpaidOf(result.usage, leftWith);
          over({ type: "done", id, result, ...(unpaid && { unpaid }) });
          resolve(result);
        },
        (error: unknown) => {
          const isOwn = cut.signal.aborted;
          over({ type: "failed", id, error: toErrorData(error), isOwn });
          reject(error);
        },
      );
    });
  }

  /** Follows a call of another run; undefined when its leader was lost before anything was shown. */
  #follow(id: number, { signal, onEvent }: Options): Promise<LlmResult | undefined> {
    return new Promise((resolve, reject) => {
      let hasShown = false;
      const onAbort = (): void => {
        this.#calls.delete(id);
        this.#send({ type: "leave", id });
        reject(reasonOf(signal));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const over = (end: () => void): void => {
        this.#calls.delete(id);
        signal.removeEventListener("abort", onAbort);
        end();
      };
      this.#calls.set(id, (told) => {
        if (told.type === "events") {
          hasShown = true;
          for (const event of told.events) onEvent?.(event);
        } else if (told.type === "done") over(() => resolve(told.result));
        else if (told.type === "failed") over(() => reject(fromErrorData(told.error)));
        else if (told.type === "lost") {
          over(() => (hasShown ? reject(lost()) : resolve(undefined)));
        }
      });
    });
  }

  #send(message: HubAsk): void {
    this.#line.send(message);
  }
}

/** What a leader has got, for those who follow: sent once a pass of the event loop. */
class LeadEvents {
  readonly #send: (events: readonly LlmEvent[]) => void;
  readonly #tools: LlmEvent[] = [];
  #waiting: LlmEvent[] = [];
  text = "";
  isFollowed = false;

  constructor(send: (events: readonly LlmEvent[]) => void) {
    this.#send = send;
  }

  push(event: LlmEvent): void {
    if (event.type === "text") this.text += event.text;
    else this.#tools.push(event);
    if (!this.isFollowed) return;
    if (this.#waiting.length === 0) setImmediate(() => this.flush());
    this.#waiting.push(event);
  }

  /** Somebody follows from now on. */
  show(): void {
    if (this.isFollowed) return;
    this.isFollowed = true;
    const text: LlmEvent[] = this.text === "" ? [] : [{ type: "text", text: this.text }];
    const before = [...text, ...this.#tools];
    if (before.length > 0) this.#send(before);
  }

  flush(): void {
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > 0) this.#send(events);
  }
}

/** What whoever left has not counted: its prompt and the text that it saw are in its own books. */
function unpaidOf({ completionTokens }: Usage, seen: string): Usage {
  const left = Math.max(0, completionTokens - estimateTokens(seen));
  return { promptTokens: 0, completionTokens: left, estimated: true };
}

function shown(result: LlmResult, { onEvent }: Options): LlmResult {
  if (result.text !== "") onEvent?.({ type: "text", text: result.text });
  return result;
}

function reasonOf(signal: AbortSignal): RuntimeError {
  if (signal.reason instanceof RuntimeError) return signal.reason;
  return new RuntimeError("CANCELLED", "The call of a model was cancelled.");
}

function lost(): RuntimeError {
  const text =
    "The call of a model that this one followed was lost before its answer was complete.";
  return new RuntimeError("PROVIDER_UNAVAILABLE", text);
}
