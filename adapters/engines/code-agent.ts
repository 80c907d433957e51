// Engines of type `code_agent`: an agent on a command line does a task, as a process on a target. One process a task;
// a conversation goes on by the session that the agent keeps itself, in the folder that it keeps it for.

import { createHash } from "node:crypto";
import type { CodeAgentConfig } from "../../actors/engines/agent-configs.ts";
import {
  taskLimits,
  type WorkEnd,
  type WorkTask,
  type WorkUsage,
} from "../../actors/engines/works.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Redactor } from "../redaction.ts";
import type { Spawned, Spawner } from "../targets/spawner.ts";
import { claudeDialect } from "./claude-dialect.ts";
import { codexDialect } from "./codex-dialect.ts";
import {
  type AgentOptions,
  type Conversation,
  type Dialect,
  isSession,
  type Said,
  type TurnEnd,
} from "./dialect.ts";
import { type Driver, nothingUsed, priced, type WorkHooks, type WorkPrices } from "./driver.ts";
import { jsonLines } from "./json-lines.ts";
import {
  exitText,
  shortened,
  startedUntil,
  succeeds,
  type Tail,
  tailOf,
  write,
} from "./processes.ts";

/** Characters of one line; a longer one is dropped and told. Results of its tools stand in one. */
const LINE_CHARS_MAX = 8 * 1_024 * 1_024;
/** Lines that are no JSON; one more ends it. */
const ODD_LINES_MAX = 1_000;
/** One that is interrupted says what it has used within this, ms; then it is killed. */
const INTERRUPT_MS = 2_000;
/** One that has said that it is done ends within this, ms. */
const EXIT_MS = 5_000;
const HISTORY_CHARS = 100_000;

const dialects = { claude: claudeDialect, codex: codexDialect } as const;

/** What it works with. */
export interface CodeAgentOptions {
  readonly config: CodeAgentConfig;
  readonly spawner: Spawner;
  /** Variables of the process. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly redactor: Redactor;
  readonly prices: WorkPrices;
}

/** The driver of one engine. */
export function codeAgentDriver(options: CodeAgentOptions): Driver {
  return async (task, hooks) => {
    const { workspace = "fixed" } = options.config;
    const cwd = await workspaceOf(options, task, hooks.signal);
    const canGoOn = workspace !== "run" && isSession(task.session ?? "");
    const end = await lifeOf(options, { task, hooks, cwd, canGoOn });
    if (!canGoOn || !isWithoutWork(end) || hooks.signal.aborted) return end;
    const text = "Its session cannot be gone on with: it begins anew, with what was said.";
    await hooks.emit({ type: "notice", text });
    return await lifeOf(options, { task, hooks, cwd, canGoOn: false });
  };
}

interface Life {
  readonly task: WorkTask;
  readonly hooks: WorkHooks;
  readonly cwd: string | undefined;
  /** Whether it is begun with the task's session. */
  readonly canGoOn: boolean;
}

async function lifeOf(options: CodeAgentOptions, life: Life): Promise<WorkEnd> {
  const { task, hooks, cwd, canGoOn } = life;
  const { config, spawner, secrets } = options;
  const { dialect: name = "claude", workspace = "fixed" } = config;
  const dialect = dialects[name];
  const given = agentOptions(config, dialect, task, canGoOn);
  const command = { argv: dialect.argv(given), ...(cwd !== undefined && { cwd }), env: secrets };
  const spawned = await startedUntil(hooks.signal, (signal) => spawner.start(command, signal));
  const agent = new RunningAgent({ ...options, dialect, hooks, spawned, given });
  return await agent.work(told(task, canGoOn), workspace !== "run");
}

/** One that fails before its model was asked has not begun. */
function isWithoutWork({ error, usage }: WorkEnd): boolean {
  return error?.code === "PROVIDER_FAILED" && usage.promptTokens + usage.completionTokens === 0;
}

function agentOptions(
  config: CodeAgentConfig,
  dialect: Dialect,
  task: WorkTask,
  canGoOn: boolean,
): AgentOptions {
  const { command = dialect.command, args = [], model, max_turns: maxTurns } = config;
  const { max_cost: maxCost, units_per_usd: unitsPerUsd = 1 } = config;
  const { permission_mode: permissionMode, allowed_tools, disallowed_tools } = config;
  const instructions = [config.instruction ?? "", task.instruction ?? ""];
  const instruction = instructions.filter((text) => text !== "").join("\n\n");
  return {
    ...{ command, args },
    ...(model !== undefined && { model }),
    ...(maxTurns !== undefined && { maxTurns }),
    ...(maxCost !== undefined && { maxCostUsd: maxCost / unitsPerUsd }),
    ...(permissionMode !== undefined && { permissionMode }),
    ...(allowed_tools && { allowedTools: allowed_tools }),
    ...(disallowed_tools && { disallowedTools: disallowed_tools }),
    ...(instruction !== "" && { instruction }),
    ...(canGoOn && task.session !== undefined && { session: task.session }),
  };
}

/** The task; before it what was said, for an agent that has no session of it. */
function told({ text, history = [] }: WorkTask, canGoOn: boolean): string {
  if (canGoOn || history.length === 0) return text;
  const lines = history.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
  return `What was said before:\n\n${lines.slice(-HISTORY_CHARS)}\n\nWhat is asked now:\n\n${text}`;
}

/** The folder to work in, made where it is one of its own. */
async function workspaceOf(
  { config, spawner }: CodeAgentOptions,
  { place, operation }: WorkTask,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { workspace = "fixed" } = config;
  if (workspace === "fixed") return undefined;
  const of = workspace === "run" ? operation : place;
  // Ids are letters and digits; a name of anything else is told by its hash.
  const hash = createHash("sha256").update(of).digest("hex").slice(0, 16);
  const name = /^[A-Za-z0-9_]{1,64}$/.test(of) ? of : `${workspace}-${hash}`;
  if (await succeeds(spawner, ["mkdir", "-p", "--", name], signal)) return name;
  throw new RuntimeError("PROVIDER_FAILED", "The folder of this work could not be made.");
}

interface RunningOptions extends CodeAgentOptions {
  readonly dialect: Dialect;
  readonly hooks: WorkHooks;
  readonly spawned: Spawned;
  readonly given: AgentOptions;
}

/** One process, from its task to its end. */
class RunningAgent {
  readonly #of: RunningOptions;
  readonly #conversation: Conversation;
  readonly #stderr: Tail;
  readonly #text: { push(piece: string): void; end(): void };
  #pieces: string[] = [];
  #end: TurnEnd | null = null;
  #session: string | null = null;
  #usage: WorkUsage = nothingUsed;
  #costUsd: number | null = null;
  #oddLines = 0;
  #isTooDear = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunningOptions) {
    this.#of = options;
    this.#conversation = options.dialect.converse();
    this.#stderr = tailOf(options.spawned.stderr);
    this.#text = options.redactor.pieces((piece) => void this.#pieces.push(piece));
    options.spawned.stdin.on("error", () => undefined);
  }

  /** @param keeps whether its session can be gone on with. */
  async work(text: string, keeps: boolean): Promise<WorkEnd> {
    const { spawned, hooks, dialect, given } = this.#of;
    const stop = (): void => this.#interrupt();
    hooks.signal.addEventListener("abort", stop, { once: true });
    if (hooks.signal.aborted) stop();
    try {
      write(spawned, dialect.task(text, given));
      if (!dialect.isOpen) spawned.stdin.end();
      else hooks.hear((more) => this.#say(more));
      await this.#read();
      const exit = await spawned.exit;
      hooks.signal.throwIfAborted();
      return this.#over(exitText(exit), keeps);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "TARGET_LOST") throw error;
      // What it has used is known all the same.
      return this.#ended(error, keeps);
    } finally {
      clearTimeout(this.#timer);
      hooks.signal.removeEventListener("abort", stop);
      spawned.kill();
    }
  }

  async #read(): Promise<void> {
    const { spawned } = this.#of;
    try {
      for await (const line of jsonLines(spawned.stdout, LINE_CHARS_MAX)) {
        if (line.type === "object") {
          for (const said of this.#conversation.read(line.value)) await this.#take(said);
          continue;
        }
        this.#oddLines += 1;
        if (line.why === "too long") await this.#notice("A line was too long, and is left out.");
        if (this.#oddLines > ODD_LINES_MAX) throw faultOf("it does not speak its language");
      }
    } catch (error) {
      // Its output was closed: it has ended, or was killed.
      if (error instanceof RuntimeError) throw error;
    }
  }

  async #take(said: Said): Promise<void> {
    const { hooks, spawned, redactor } = this.#of;
    switch (said.type) {
      case "session":
        this.#session = said.id;
        return;
      case "text":
        this.#text.push(said.text);
        return await this.#flush();
      case "tool_call":
        await this.#flushAll();
        return await hooks.emit({ ...said, arguments: shortened(said.arguments, redactor) });
      case "tool_result":
        return await hooks.emit({ ...said, result: shortened(said.result, redactor) });
      case "notice":
        return await this.#notice(said.text);
      case "usage":
        return await this.#count(said);
      case "reply":
        write(spawned, `${JSON.stringify(said.line)}\n`);
        return;
      case "end":
        return this.#done(said);
    }
  }

  /** Whatever was said meanwhile it still does; then it ends by itself. */
  #done(end: TurnEnd): void {
    const { spawned } = this.#of;
    this.#end = end;
    this.#of.hooks.hear(() => false);
    spawned.stdin.end();
    this.#killAfter(EXIT_MS);
  }

  async #count({ usage, costUsd }: Said & { readonly type: "usage" }): Promise<void> {
    const { config, given } = this.#of;
    const model = usage.model ?? given.model;
    this.#usage = { ...usage, ...(model !== undefined && { model }) };
    if (costUsd !== undefined) this.#costUsd = costUsd;
    const usageNow = this.#priced();
    await this.#of.hooks.emit({ type: "usage", usage: usageNow });
    const { max_cost: maxCost } = config;
    const { spendMicros = 0 } = usageNow;
    // What has been said to its end is not cut any more.
    if (maxCost === undefined || spendMicros < maxCost * 1e6 || this.#end !== null) return;
    this.#isTooDear = true;
    this.#interrupt();
  }

  #priced(): WorkUsage {
    const { prices, config } = this.#of;
    const said = { costUsd: this.#costUsd, unitsPerUsd: config.units_per_usd ?? 1 };
    return priced(prices, this.#usage, said);
  }

  async #notice(text: string): Promise<void> {
    const { hooks, redactor } = this.#of;
    const told = redactor.text(text).slice(0, taskLimits.partChars);
    if (told !== "") await hooks.emit({ type: "notice", text: told });
  }

  async #flush(): Promise<void> {
    const text = this.#pieces.splice(0).join("");
    if (text !== "") await this.#of.hooks.emit({ type: "text", text });
  }

  async #flushAll(): Promise<void> {
    this.#text.end();
    await this.#flush();
  }

  #say(text: string): boolean {
    const { dialect, spawned } = this.#of;
    if (this.#end !== null || dialect.more === undefined) return false;
    return write(spawned, dialect.more(text));
  }

  #interrupt(): void {
    const { dialect, spawned } = this.#of;
    if (dialect.interrupt === undefined || !write(spawned, dialect.interrupt())) {
      spawned.kill();
      return;
    }
    this.#killAfter(INTERRUPT_MS);
  }

  #killAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#of.spawned.kill(), ms);
  }

  async #over(exit: string, keeps: boolean): Promise<WorkEnd> {
    if (this.#isTooDear) return await this.#ended(tooDear(this.#of.config.max_cost), keeps);
    if (this.#end === null) {
      const said = this.#of.redactor.text(this.#stderr.told());
      const why = `it ended ${exit} before it was done${said === "" ? "" : `, and says: ${said}`}`;
      return await this.#ended(faultOf(why), keeps);
    }
    const { fault } = this.#end;
    if (fault?.limit === "max_cost") {
      return await this.#ended(tooDear(this.#of.config.max_cost), keeps);
    }
    const why = fault && this.#of.redactor.text(fault.why);
    const limit = fault?.limit && { limit: fault.limit };
    return await this.#ended(why === undefined ? null : faultOf(why, limit), keeps);
  }

  async #ended(error: unknown, keeps: boolean): Promise<WorkEnd> {
    await this.#flushAll();
    const { redactor } = this.#of;
    const failure = error instanceof RuntimeError ? error : error === null ? null : faultOf("");
    return {
      ...(failure !== null && { error: toErrorData(failure) }),
      text: "",
      answer: redactor.text(this.#end?.answer ?? "").slice(0, taskLimits.textChars),
      session: keeps ? this.#session : null,
      usage: this.#priced(),
    };
  }
}

function faultOf(why: string, details?: Readonly<Record<string, unknown>>): RuntimeError {
  const text = `The agent has not done its task: ${why === "" ? "it failed" : why}.`;
  return new RuntimeError("PROVIDER_FAILED", text, details);
}

function tooDear(maxCost: number | undefined): RuntimeError {
  const text = `The agent was ended: it has cost the ${maxCost ?? ""} that it may (max_cost).`;
  return new RuntimeError("BUDGET_EXHAUSTED", text, { limit: "max_cost" });
}
