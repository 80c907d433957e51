// An agent elsewhere by OpenAI's chat completions: it is sent what was said and the task, and streams its answer. It
// keeps nothing: a conversation goes on by its messages.

import {
  taskLimits,
  type WorkEnd,
  type WorkTask,
  type WorkUsage,
} from "../../actors/engines/works.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import {
  agentFault,
  askAgent,
  checkCost,
  checkStatus,
  firstAnswer,
  type ManagedOptions,
  Telling,
} from "./agent-request.ts";
import { nothingUsed, priced, type WorkHooks } from "./driver.ts";
import { countOf, type Json, listOf, objectOf, stringOf } from "./json-lines.ts";
import { eventPieces } from "./sse-text.ts";

/** Does a task. */
export async function askOpenAi(
  options: ManagedOptions,
  task: WorkTask,
  hooks: WorkHooks,
): Promise<WorkEnd> {
  const answer = new Answer(options, hooks);
  const events = eventPieces(({ data }) => answer.take(data));
  try {
    const ask = () =>
      askAgent(options, task, {
        ...{ path: "/chat/completions", method: "POST", body: bodyOf(options, task) },
        headers: { accept: "text/event-stream" },
        signal: answer.signal,
        onText: (piece) => events.push(piece),
      });
    const response = await firstAnswer(ask, true);
    checkStatus(response);
    events.end();
    if (!isStream(response.headers["content-type"])) answer.whole(response.body ?? "");
    if (response.isCut) throw agentFault("its answer is too long");
    return await answer.end(null);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return await answer.end(error);
  }
}

const isStream = (type: string | undefined): boolean => /^text\/event-stream/i.test(type ?? "");

function bodyOf({ config, model }: ManagedOptions, task: WorkTask): object {
  const system = [config.instruction ?? "", task.instruction ?? ""].filter((text) => text !== "");
  const messages = [
    ...(system.length === 0 ? [] : [{ role: "system", content: system.join("\n\n") }]),
    ...(task.history ?? []).map(({ role, content }) => ({ role, content })),
    { role: "user", content: task.text },
  ];
  return {
    ...{ model, messages, stream: true, stream_options: { include_usage: true } },
    ...(config.max_tokens !== undefined && { max_tokens: config.max_tokens }),
  };
}

/** What comes of the stream. */
class Answer {
  readonly #of: ManagedOptions;
  readonly #telling: Telling;
  readonly #cut = new AbortController();
  readonly signal: AbortSignal;
  #text = "";
  #usage: WorkUsage = nothingUsed;
  #finish = "";
  #fault: RuntimeError | null = null;

  constructor(options: ManagedOptions, hooks: WorkHooks) {
    this.#of = options;
    this.#telling = new Telling(hooks);
    this.signal = AbortSignal.any([hooks.signal, this.#cut.signal]);
  }

  take(data: string): void {
    if (data === "[DONE]" || this.#fault !== null) return;
    const chunk = parsed(data);
    if (chunk === null) this.#fail(agentFault("its stream is no JSON"));
    else this.#chunk(chunk, "delta");
  }

  /** An answer that was not streamed. */
  whole(body: string): void {
    const answer = parsed(body);
    if (answer === null) this.#fail(agentFault("its answer is no JSON"));
    else this.#chunk(answer, "message");
  }

  async end(error: RuntimeError | null): Promise<WorkEnd> {
    await this.#telling.done();
    const known = this.#fault ?? error ?? this.#unfinished();
    const usage = this.#priced();
    return {
      ...(known !== null && { error: toErrorData(known) }),
      ...{ text: "", answer: this.#text.slice(0, taskLimits.textChars), session: null, usage },
    };
  }

  /** A connection that was closed early looks like an end. */
  #unfinished(): RuntimeError | null {
    if (this.#finish !== "") return null;
    const text = "The other agent broke off before its answer was whole.";
    return new RuntimeError("PROVIDER_UNAVAILABLE", text);
  }

  #chunk(chunk: Json, member: "delta" | "message"): void {
    const error = objectOf(chunk["error"]);
    if (typeof error["message"] === "string") {
      this.#fail(agentFault(`it says: ${error["message"].slice(0, 300)}`));
      return;
    }
    const [choice = {}] = listOf(chunk["choices"]);
    const text = stringOf(objectOf(choice[member])["content"]);
    if (text !== "") {
      this.#text += text;
      this.#telling.tell({ type: "text", text });
    }
    this.#finish = stringOf(choice["finish_reason"]) || this.#finish;
    this.#count(objectOf(chunk["usage"]), stringOf(chunk["model"]));
  }

  #count(usage: Json, model: string): void {
    const [prompt, completion] = [
      countOf(usage["prompt_tokens"]),
      countOf(usage["completion_tokens"]),
    ];
    if (prompt + completion === 0) return;
    const cached = countOf(objectOf(usage["prompt_tokens_details"])["cached_tokens"]);
    const name = this.#of.model === "" ? model : this.#of.model;
    this.#usage = {
      ...{ promptTokens: prompt, completionTokens: completion },
      ...(cached > 0 && { cachedTokens: cached }),
      ...(name !== "" && { model: name }),
    };
    const now = this.#priced();
    this.#telling.tell({ type: "usage", usage: now });
    // What has been said to its end is not cut any more.
    if (this.#finish !== "") return;
    try {
      checkCost(this.#of.config, now);
    } catch (error) {
      this.#fail(error as RuntimeError);
    }
  }

  #priced(): WorkUsage {
    return priced(this.#of.prices, this.#usage, { costUsd: null, unitsPerUsd: 1 });
  }

  #fail(error: RuntimeError): void {
    this.#fault ??= error;
    this.#cut.abort(error);
  }
}

function parsed(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return null;
  }
}
