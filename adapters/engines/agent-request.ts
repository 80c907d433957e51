// What agents elsewhere have in common that are asked over HTTP: requests over the guarded way out, what refusals mean,
// and events that are told in their order.

import type { ManagedEngineConfig } from "../../actors/engines/agent-configs.ts";
import { taskLimits, type WorkTask, type WorkUsage } from "../../actors/engines/works.ts";
import type { Web, WebAnswer } from "../../actors/web.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { WorkHooks, WorkPrices } from "./driver.ts";
import { objectOf, stringOf } from "./json-lines.ts";

/** Bytes of one answer that are read, its stream as a whole. */
const ANSWER_BYTES_MAX = 16 * 1_024 * 1_024;
const SAID_CHARS = 300;
/** Of connections that were not made. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  ...["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
  ...["ENOTFOUND", "EAI_AGAIN", "EDNS"],
]);
/** What is answered in place of an agent that is not there. The first says that it was not asked. */
const NOT_ASKED = 503;
const AWAY: ReadonlySet<number> = new Set([NOT_ASKED, 502, 504]);

/** How an agent elsewhere is spoken to. */
export type ManagedProtocol = "openai" | "a2a" | "troupe";

/** What it works with. */
export interface ManagedOptions {
  readonly config: ManagedEngineConfig;
  readonly protocol: ManagedProtocol;
  /** Of its target: no slash at its end. */
  readonly url: string;
  /** "" where neither the engine nor the target names one. */
  readonly model: string;
  /** Undefined: it is asked without one. */
  readonly apiKey: string | undefined;
  readonly web: Web;
  readonly prices: WorkPrices;
}

/** A request to the agent. */
export interface AgentRequest {
  /** Below the target's. */
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  onText?(piece: string): void;
}

/** Asks it. @throws EGRESS_REFUSED, PROVIDER_UNAVAILABLE, DEADLINE, CANCELLED. */
export async function askAgent(
  { url, apiKey, web, config }: ManagedOptions,
  { tenant, domains }: WorkTask,
  { path, method, body, headers = {}, signal, onText }: AgentRequest,
): Promise<WebAnswer> {
  return await web.request({
    ...{ tenant, method, signal, url: url + path, allowedHosts: [hostOf(url)] },
    ...(domains && { domains }),
    headers: {
      ...headers,
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    timeoutMs: config.timeout_ms ?? taskLimits.timeoutMs,
    bytesMax: ANSWER_BYTES_MAX,
    ...(onText && { onText }),
  });
}

/**
 * The first request of a task, @param begins whether it may begin the work.
 * @throws TARGET_LOST where nobody is there, what `ask` throws.
 */
export async function firstAnswer(
  ask: () => Promise<WebAnswer>,
  begins: boolean,
): Promise<WebAnswer> {
  let answer: WebAnswer;
  try {
    answer = await ask();
  } catch (error) {
    const isRuntime = error instanceof RuntimeError;
    if (!isRuntime || !NOT_CONNECTED.has(error.details?.["reason"])) throw error;
    throw lost(error.message, { began: false, cause: error });
  }
  const { status, body } = answer;
  if (!AWAY.has(status)) return answer;
  const began = begins && status !== NOT_ASKED;
  throw lost(refusalText(status, body), { began });
}

function lost(
  message: string,
  { began, cause }: { readonly began: boolean; readonly cause?: unknown },
): RuntimeError {
  return new RuntimeError("TARGET_LOST", message, { began }, { cause });
}

/** @throws what a refusal means: whether it helps to ask again later is told by its code. */
export function checkStatus({ status, body, headers }: WebAnswer): void {
  if (status >= 200 && status < 300) return;
  const text = refusalText(status, body);
  if (status === 429) {
    const seconds = Number(headers["retry-after"]);
    const retryAfterMs = Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 1_000;
    throw new RuntimeError("PROVIDER_LIMITED", text, { status, retryAfterMs });
  }
  const code = status >= 500 || status === 408 ? "PROVIDER_UNAVAILABLE" : "PROVIDER_FAILED";
  throw new RuntimeError(code, text, { status });
}

function refusalText(status: number, body: string | null): string {
  const said = saidIn(body ?? "");
  return `The other agent answered with status ${status}${said === "" ? "" : `, and says: ${said}`}.`;
}

/** What an error says of itself, in whichever form. */
function saidIn(body: string): string {
  try {
    const value = objectOf(JSON.parse(body));
    const error = value["error"];
    const said = stringOf(objectOf(error)["message"]) || stringOf(error);
    return (said || stringOf(value["detail"]) || stringOf(value["title"])).slice(0, SAID_CHARS);
  } catch {
    return "";
  }
}

/** Why a task was not done. */
export function agentFault(why: string, details?: Readonly<Record<string, unknown>>): RuntimeError {
  return new RuntimeError(
    "PROVIDER_FAILED",
    `The other agent has not done its task: ${why}.`,
    details,
  );
}

/** Events of a stream are told in the order in which they come, though each waits for its turn. */
export class Telling {
  readonly #hooks: WorkHooks;
  #line: Promise<void> = Promise.resolve();

  constructor(hooks: WorkHooks) {
    this.#hooks = hooks;
  }

  tell(...[event]: Parameters<WorkHooks["emit"]>): void {
    this.#line = this.#line.then(() => this.#hooks.emit(event));
  }

  /** When all was told. */
  async done(): Promise<void> {
    await this.#line;
  }
}

/** @throws BUDGET_EXHAUSTED for work that has cost as much as it may. */
export function checkCost({ max_cost: maxCost }: ManagedEngineConfig, usage: WorkUsage): void {
  if (maxCost === undefined || (usage.spendMicros ?? 0) < maxCost * 1e6) return;
  const text = `The other agent has cost the ${maxCost} that it may (max_cost).`;
  throw new RuntimeError("BUDGET_EXHAUSTED", text, { limit: "max_cost" });
}

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, "");
