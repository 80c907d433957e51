// An agent, a team or a workflow of another server like this one, by its own API: a run is started under this work's
// name, followed over lost connections, and cancelled there when nobody waits for it any more. Its conversation is the
// session.

import { setTimeout as delay } from "node:timers/promises";
import type { WorkEnd, WorkTask, WorkUsage } from "../../actors/engines/works.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import {
  agentFault,
  askAgent,
  checkStatus,
  firstAnswer,
  type ManagedOptions,
  Telling,
} from "./agent-request.ts";
import { nothingUsed, type WorkHooks } from "./driver.ts";
import { countOf, type Json, objectOf, stringOf } from "./json-lines.ts";
import { eventPieces, type StreamEvent } from "./sse-text.ts";

/** A stream that breaks off is taken up again so often in a row, and after so long, ms. */
const RESUMES_MAX = 5;
const RESUME_MS = 500;
const CANCEL_MS = 5_000;

const paths: Readonly<Record<string, string>> = { ag: "agents", tm: "teams", wf: "workflows" };

/** Does a task. */
export async function askTroupe(
  options: ManagedOptions,
  task: WorkTask,
  hooks: WorkHooks,
): Promise<WorkEnd> {
  const { model } = options;
  const kind = paths[model.slice(0, 2)];
  if (kind === undefined || !/^[a-z]{2}_[A-Za-z0-9]{1,61}$/.test(model)) {
    throw agentFault('"model" names no agent, team or workflow of it');
  }
  const run = new RemoteRun(hooks);
  try {
    await follow(run, hooks.signal, (resumed, onText) => {
      const common = { signal: hooks.signal, onText };
      if (resumed === null) {
        const begin = { ...start(`/v2/${kind}/${model}/runs`, options, task), ...common };
        return firstAnswer(() => askAgent(options, task, begin), true);
      }
      const headers = { "last-event-id": resumed.after };
      const path = `/v2/runs/${resumed.run}/events`;
      return askAgent(options, task, { path, method: "GET", headers, ...common });
    });
    return await run.end();
  } catch (error) {
    if (hooks.signal.aborted && run.id !== "") {
      const path = `/v2/runs/${run.id}/cancel`;
      const signal = AbortSignal.timeout(CANCEL_MS);
      await askAgent(options, task, { path, method: "POST", body: {}, signal }).catch(
        () => undefined,
      );
    }
    throw error;
  }
}

function start(path: string, { config }: ManagedOptions, task: WorkTask) {
  const said = [config.instruction ?? "", task.instruction ?? "", task.text];
  const input = said.filter((text) => text !== "").join("\n\n");
  const conversation = task.session === undefined ? {} : { conversation_key: task.session };
  const { max_cost: maxSpend } = config;
  const limit = maxSpend === undefined ? {} : { max_spend: maxSpend };
  return {
    ...{ path, method: "POST" as const },
    body: { input, mode: "stream", ...conversation, ...limit },
    // Asked again it is the same run: what was lost was the answer.
    headers: { "idempotency-key": keyOf(task.operation) },
  };
}

/** As a header takes it. */
const keyOf = (operation: string): string => operation.replace(/[^A-Za-z0-9_.-]/g, "_").slice(-200);

interface Resumed {
  readonly run: string;
  readonly after: string;
}

/** Until the run has ended. @throws what it cannot be followed for. */
async function follow(
  run: RemoteRun,
  signal: AbortSignal,
  ask: (resumed: Resumed | null, onText: (piece: string) => void) => ReturnType<typeof askAgent>,
): Promise<void> {
  for (let failures = 0; !run.isOver; ) {
    const before = run.after;
    try {
      const events = eventPieces((event) => run.take(event));
      const answer = await ask(run.resumed, (piece) => events.push(piece));
      checkStatus(answer);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RuntimeError && error.code === "TARGET_LOST") throw error;
      const isPassing = error instanceof RuntimeError && error.retryable;
      if (!isPassing || failures >= RESUMES_MAX) throw error;
    }
    if (run.isOver) return;
    failures = run.after === before ? failures + 1 : 0;
    if (failures > RESUMES_MAX) {
      throw new RuntimeError(
        "PROVIDER_UNAVAILABLE",
        "The run of the other server cannot be followed.",
      );
    }
    await delay(RESUME_MS, undefined, { signal });
  }
}

/** A run there, as its frames tell it. */
class RemoteRun {
  id = "";
  after = "";
  readonly #telling: Telling;
  readonly #shown = new Map<string, string>();
  #reply: Json | null = null;
  #outcome: Json = {};
  #fault: Json | null = null;
  #conversation = "";

  constructor(hooks: WorkHooks) {
    this.#telling = new Telling(hooks);
  }

  get isOver(): boolean {
    return this.#reply !== null || this.#fault !== null;
  }

  get resumed(): Resumed | null {
    return this.id === "" || this.after === "" ? null : { run: this.id, after: this.after };
  }

  take({ event, id, data }: StreamEvent): void {
    const frame = parsed(data);
    if (id !== "") this.after = id;
    if (event === "accepted") {
      this.id = stringOf(frame["run"]) || stringOf(frame["run_id"]) || this.id;
      this.#conversation = stringOf(frame["conversation_key"]) || this.#conversation;
      return;
    }
    if (event === "error" || event === "refused") {
      this.#fault = objectOf(frame["error"] ?? frame);
      return;
    }
    if (event === "end") {
      this.#outcome = objectOf(frame["outcome"]);
      this.#reply = objectOf(frame["reply"]);
      return;
    }
    if (event === "event") this.#event(objectOf(frame["event"]));
    else this.#text(event, frame);
  }

  async end(): Promise<WorkEnd> {
    await this.#telling.done();
    const reply = this.#reply ?? {};
    const usage = usageIn(objectOf(reply["usage"]), stringOf(reply["model"]));
    const error = this.#fault ?? faultIn(this.#outcome);
    const { output } = reply;
    return {
      ...(error !== null && { error: toErrorData(remoteFault(error)) }),
      ...{ text: "", answer: stringOf(reply["response"]), usage },
      session: stringOf(reply["conversation_key"]) || this.#conversation || null,
      ...(output !== undefined && { output }),
    };
  }

  /** Previews grow; what is stored at last is the truth, of which the rest is shown. */
  #text(type: string, frame: Json): void {
    if (type !== "text" && type !== "text-end") return;
    const key = `${stringOf(frame["run"])}/${stringOf(frame["step"])}`;
    const shown = this.#shown.get(key) ?? "";
    const text = stringOf(frame["text"]);
    const offset = typeof frame["offset"] === "number" ? frame["offset"] : 0;
    const whole = type === "text" ? shown.slice(0, offset) + text : text;
    if (!whole.startsWith(shown) || whole === shown) return;
    this.#shown.set(key, whole);
    this.#telling.tell({ type: "text", text: whole.slice(shown.length) });
  }

  #event(event: Json): void {
    const { type } = event;
    if (type !== "tool_call" && type !== "tool_result" && type !== "notice") return;
    const of = { id: stringOf(event["id"]), name: stringOf(event["name"]) };
    if (type === "notice") this.#telling.tell({ type, text: stringOf(event["text"]) });
    else if (type === "tool_call") {
      this.#telling.tell({ type, ...of, arguments: event["arguments"] ?? {} });
    } else this.#telling.tell({ type, ...of, result: event["result"] ?? null });
  }
}

function parsed(text: string): Json {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function faultIn(outcome: Json): Json | null {
  return outcome["status"] === "completed" ? null : objectOf(outcome["error"]);
}

function remoteFault(error: Json): RuntimeError {
  const said = stringOf(error["message"]) || stringOf(error["detail"]) || "it does not say why";
  const code = stringOf(error["code"]);
  if (code === "CANCELLED") return new RuntimeError("CANCELLED", said);
  return agentFault(`it says: ${said.slice(0, 500)}`, code === "" ? undefined : { code });
}

/** What it spent is the other account's: here it has cost what that says. */
function usageIn(usage: Json, model: string): WorkUsage {
  const prompt = countOf(usage["prompt_tokens"]);
  const completion = countOf(usage["completion_tokens"]);
  const { spend } = usage;
  const isCost = typeof spend === "number" && Number.isFinite(spend) && spend >= 0;
  if (prompt + completion === 0 && !isCost) return nothingUsed;
  return {
    ...{ promptTokens: prompt, completionTokens: completion },
    ...(model !== "" && { model }),
    ...(isCost && { spendMicros: Math.round(spend * 1e6) }),
  };
}
