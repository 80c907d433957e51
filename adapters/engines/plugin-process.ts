// One process of a plugin and what is said with it: JSON-RPC 2.0, one message a line (README.md, "Plugins"). It does one
// task at a time, so that its death fails that one alone. Whatever it says that is not of the protocol ends it.

import {
  taskLimits,
  type WorkEnd,
  type WorkEvent,
  type WorkTask,
  type WorkUsage,
} from "../../actors/engines/works.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Redactor } from "../redaction.ts";
import type { Spawned } from "../targets/spawner.ts";
import { nothingUsed, priced, type WorkHooks, type WorkPrices } from "./driver.ts";
import { countOf, type Json, jsonLines, objectOf, stringOf } from "./json-lines.ts";
import { exitText, shortened, type Tail, tailOf, write } from "./processes.ts";

/** Of the protocol. */
export const PLUGIN_PROTOCOL = 1;
/** Characters of one line; a longer one ends the process. */
export const PLUGIN_LINE_CHARS = 1_024 * 1_024;
/** Lines that are no JSON; one more ends it. Libraries write such by mistake. */
const ODD_LINES_MAX = 100;
/** It answers the first message within this, and a cancel, ms; then it is killed. */
const HELLO_MS = 10_000;
const CANCEL_MS = 2_000;
const NAME_CHARS = 200;
const SAID_CHARS = 1_000;

/** What one needs. */
export interface PluginOptions {
  readonly spawned: Spawned;
  /** Given to it with the first message. */
  readonly settings: Json;
  readonly redactor: Redactor;
  readonly prices: WorkPrices;
  readonly unitsPerUsd: number;
  /** In units of the account; undefined: it may cost anything. */
  readonly maxCost: number | undefined;
}

/** What is waited for: the answer to a request, or the process's end. */
interface Request {
  readonly id: number;
  readonly hooks: WorkHooks | null;
  settle(message: Json): void;
  fail(error: RuntimeError): void;
}

/** One life of it. */
export class PluginProcess {
  readonly #of: PluginOptions;
  readonly #stderr: Tail;
  #request: Request | null = null;
  #next = 1;
  #oddLines = 0;
  #usage: WorkUsage = nothingUsed;
  #costUsd: number | null = null;
  #session: string | null = null;
  #text: { push(piece: string): void; end(): void };
  #pieces: string[] = [];
  #why: RuntimeError | null = null;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;

  constructor(options: PluginOptions) {
    this.#of = options;
    this.#stderr = tailOf(options.spawned.stderr);
    this.#text = options.redactor.pieces((piece) => void this.#pieces.push(piece));
    options.spawned.stdin.on("error", () => undefined);
    this.ended = this.#live();
  }

  get isOver(): boolean {
    return this.#why !== null;
  }

  /** The first message. @throws PROVIDER_FAILED for what does not speak the protocol, TARGET_LOST. */
  async hello(): Promise<void> {
    const timer = setTimeout(() => this.#break("it does not answer hello"), HELLO_MS);
    try {
      const params = { protocol: PLUGIN_PROTOCOL, server: "troupe", settings: this.#of.settings };
      const { protocol } = objectOf((await this.#ask("hello", params, null))["result"]);
      if (protocol !== PLUGIN_PROTOCOL) {
        throw this.#break(
          `it speaks protocol ${String(protocol).slice(0, 20)}, not ${PLUGIN_PROTOCOL}`,
        );
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Does a task. The process may be gone after it. */
  async task(task: WorkTask, hooks: WorkHooks): Promise<WorkEnd> {
    this.#usage = nothingUsed;
    this.#costUsd = null;
    this.#session = null;
    this.#pieces = [];
    const stop = (): void => this.#cancel();
    hooks.signal.addEventListener("abort", stop, { once: true });
    hooks.hear((text) => this.#tell("more", { text }));
    let timer: NodeJS.Timeout | undefined;
    const killLate = (): void => {
      timer = setTimeout(() => this.#break("it does not end what was cancelled"), CANCEL_MS);
    };
    hooks.signal.addEventListener("abort", killLate, { once: true });
    try {
      hooks.signal.throwIfAborted();
      const { text, session, instruction, history, operation, place, tenant } = task;
      const context = { tenant, conversation: place, operation };
      const params = { task: text, session, instruction, history, context };
      return await this.#end(await this.#ask("task", params, hooks), hooks);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "TARGET_LOST") throw error;
      if (!(error instanceof RuntimeError)) throw error;
      return this.#failed(error, "");
    } finally {
      clearTimeout(timer);
      hooks.signal.removeEventListener("abort", stop);
      hooks.signal.removeEventListener("abort", killLate);
      hooks.hear(() => false);
    }
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#why ??= faultOf("it was ended");
    this.#of.spawned.kill();
    await this.ended;
  }

  async #live(): Promise<void> {
    const { spawned } = this.#of;
    let lost: unknown;
    try {
      for await (const line of jsonLines(spawned.stdout, PLUGIN_LINE_CHARS)) {
        if (line.type === "object") await this.#hear(line.value);
        else if (line.why === "too long") {
          this.#break(`it wrote a line of more than ${PLUGIN_LINE_CHARS} characters`);
        } else this.#odd();
        if (this.#why !== null) break;
      }
    } catch {
      // Its output was closed with it.
    }
    const how = await spawned.exit.then(exitText, (error: unknown) => {
      lost = error;
      return "without a word";
    });
    const said = this.#of.redactor.text(this.#stderr.told());
    const more = said === "" ? "" : `, and says: ${said}`;
    const own = this.#why ?? faultOf(`it ended ${how}${more}`);
    this.#why = lost instanceof RuntimeError ? lost : own;
    this.#request?.fail(this.#why);
  }

  async #hear(message: Json): Promise<void> {
    const request = this.#request;
    if (typeof message["method"] === "string") {
      const params = objectOf(message["params"]);
      // What comes late, of a task that is over, is nobody's.
      if (message["method"] !== "event" || request?.hooks == null) return;
      if (params["task"] === request.id) await this.#event(params, request.hooks);
      return;
    }
    if (request === null || message["id"] !== request.id) return;
    this.#request = null;
    request.settle(message);
  }

  async #event(event: Json, hooks: WorkHooks): Promise<void> {
    const { redactor } = this.#of;
    const id = stringOf(event["id"]).slice(0, NAME_CHARS);
    const name = stringOf(event["name"]).slice(0, NAME_CHARS);
    switch (event["type"]) {
      case "text":
        this.#text.push(stringOf(event["text"]));
        return await this.#flush(hooks);
      case "tool_call": {
        const given = shortened(event["arguments"], redactor);
        return await hooks.emit({ type: "tool_call", id, name, arguments: given });
      }
      case "tool_result": {
        const result = shortened(event["result"], redactor);
        return await hooks.emit({ type: "tool_result", id, name, result });
      }
      case "notice": {
        const text = redactor.text(stringOf(event["text"])).slice(0, taskLimits.partChars);
        return await hooks.emit({ type: "notice", text });
      }
      case "usage":
        return await this.#count(event, hooks);
      default:
        return;
    }
  }

  async #count(of: Json, hooks: WorkHooks): Promise<void> {
    this.#take(of);
    const usage = this.#priced();
    await hooks.emit({ type: "usage", usage });
    const { maxCost } = this.#of;
    if (maxCost === undefined || (usage.spendMicros ?? 0) < maxCost * 1e6) return;
    const text = `The plugin was ended: the task has cost the ${maxCost} that it may (max_cost).`;
    this.#why ??= new RuntimeError("BUDGET_EXHAUSTED", text, { limit: "max_cost" });
    this.#of.spawned.kill();
  }

  #take(of: Json): void {
    const model = stringOf(of["model"]).slice(0, NAME_CHARS);
    const cost = of["cost_usd"];
    const [input, output] = [countOf(of["input_tokens"]), countOf(of["output_tokens"])];
    if (input + output > 0) {
      const named = model !== "" && { model };
      this.#usage = { promptTokens: input, completionTokens: output, ...named };
    }
    if (typeof cost === "number" && Number.isFinite(cost) && cost >= 0) this.#costUsd = cost;
  }

  async #flush(hooks: WorkHooks): Promise<void> {
    const text = this.#pieces.splice(0).join("");
    if (text !== "") await hooks.emit({ type: "text", text } satisfies WorkEvent);
  }

  async #end(message: Json, hooks: WorkHooks): Promise<WorkEnd> {
    const { redactor } = this.#of;
    this.#text.end();
    await this.#flush(hooks);
    if (message["error"] !== undefined) {
      const error = objectOf(message["error"]);
      const why = redactor.text(stringOf(error["message"])).slice(0, SAID_CHARS);
      this.#take(objectOf(objectOf(error["data"])["usage"]));
      return this.#failed(faultOf(why === "" ? "it does not say why" : why), "");
    }
    const result = objectOf(message["result"]);
    this.#take(objectOf(result["usage"]));
    const session = stringOf(result["session"]);
    if (session !== "" && session.length <= taskLimits.sessionChars) this.#session = session;
    const answer = redactor.text(stringOf(result["text"])).slice(0, taskLimits.textChars);
    const { output } = result;
    return {
      ...{ text: "", answer, session: this.#session, usage: this.#priced() },
      ...(output !== undefined && { output: shortened(output, redactor) }),
    };
  }

  #failed(error: RuntimeError, answer: string): WorkEnd {
    const usage = this.#priced();
    return { error: toErrorData(error), text: "", answer, session: null, usage };
  }

  #priced(): WorkUsage {
    const { prices, unitsPerUsd } = this.#of;
    return priced(prices, this.#usage, { costUsd: this.#costUsd, unitsPerUsd });
  }

  #ask(method: string, params: object, hooks: WorkHooks | null): Promise<Json> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((settle, fail) => {
      if (this.#why !== null) return fail(this.#why);
      this.#request = { id, hooks, settle, fail };
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  #tell(method: string, params: object): boolean {
    const task = this.#request?.id;
    if (task === undefined) return false;
    return this.#send({ jsonrpc: "2.0", method, params: { task, ...params } });
  }

  #cancel(): void {
    this.#tell("cancel", {});
  }

  #send(message: object): boolean {
    return write(this.#of.spawned, `${JSON.stringify(message)}\n`);
  }

  #odd(): void {
    this.#oddLines += 1;
    if (this.#oddLines > ODD_LINES_MAX) this.#break("it writes what is no JSON");
  }

  /** It does not keep to the protocol: nothing more of it is read. */
  #break(why: string): RuntimeError {
    this.#why ??= faultOf(why);
    this.#of.spawned.kill();
    return this.#why;
  }
}

function faultOf(why: string): RuntimeError {
  return new RuntimeError("PROVIDER_FAILED", `The plugin has not done its task: ${why}.`);
}
