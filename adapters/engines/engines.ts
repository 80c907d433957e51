// The engines that do a task as a whole, on main: what a task names is looked up when it is begun, and done by the
// driver of its type. Loaded with the first task.

import {
  agentLimits,
  type CodeAgentConfig,
  type ManagedEngineConfig,
  type PluginConfig,
} from "../../actors/engines/agent-configs.ts";
import type { ManagedAgentConfig } from "../../actors/engines/target-config.ts";
import {
  type EngineWorks,
  taskLimits,
  type WorkEnd,
  type WorkTask,
  type WorkTerms,
} from "../../actors/engines/works.ts";
import { type Prices, spendMicros } from "../../actors/money/catalogue.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import type { Web } from "../../actors/web.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { createRedactor } from "../redaction.ts";
import { lostTarget } from "../targets/engines.ts";
import type { Found, FoundEngine } from "../targets/found.ts";
import type { Spawner } from "../targets/spawner.ts";
import { codeAgentDriver } from "./code-agent.ts";
import type { Driver, WorkPrices } from "./driver.ts";
import { managedAgentDriver } from "./managed-agent.ts";
import { PluginPool } from "./plugin-pool.ts";
import { createWorks, type PlannedWork, type WorksOptions } from "./works.ts";

/** What they need. */
export interface EnginesOptions {
  /** The records that a task names, as far as its tenant may use them. @throws NOT_FOUND, FORBIDDEN, INVALID. */
  find(of: Pick<WorkTask, "tenant" | "engine" | "target">): Promise<FoundEngine>;
  /** Of a target of type `local` or `ssh`. @throws what nothing is done there for. */
  spawner(target: Found<TargetInput>): Spawner;
  /** The guarded way out. */
  readonly web: Web;
  readonly prices: Prices;
  readonly ended?: WorksOptions["ended"];
}

/** In place of a model's name, where the engine has none. */
const modelOf = ({ type, config = {} }: FoundEngine["engine"]["record"]): string =>
  typeof config["model"] === "string" ? config["model"] : type;

/** The port. */
export function createEngines(options: EnginesOptions): EngineWorks & { end(): Promise<void> } {
  const { find, ended } = options;
  const pools = new Map<string, KeptPool>();
  const works = createWorks({
    terms: async (of) => termsOf(await find(of)),
    plan: async (task) => await planned(options, pools, task, await find(task)),
    ...(ended && { ended }),
  });
  return {
    ...works,
    end: async () => {
      await works.end();
      await Promise.all([...pools.values()].map(({ pool }) => pool.end()));
    },
  };
}

interface KeptPool {
  readonly pool: PluginPool;
  /** Of the records that it was made of. */
  readonly versions: string;
}

type Common = Pick<PluginConfig, "timeout_ms" | "at_once" | "repeat" | "max_cost">;

function termsOf({ engine, target }: FoundEngine): WorkTerms {
  const { record } = engine;
  const { name, type } = record;
  const { timeout_ms: timeoutMs, repeat = "never", max_cost: maxCost } = commonOf(record.config);
  // Plugins, and agents that tell of no tokens, cost what they say; others cost whatever models cost.
  const isFree = type === "plugin" || protocolOf({ engine, target }) === "a2a";
  const most = maxCost === undefined ? null : Math.round(maxCost * 1e6);
  return {
    ...{ name, type, repeat, model: modelOf(record) },
    timeoutMs: timeoutMs ?? taskLimits.timeoutMs,
    maxMicros: most ?? (isFree ? 0 : null),
  };
}

const commonOf = (config: unknown): Common => (config ?? {}) as Common;

function protocolOf({ engine, target }: Pick<FoundEngine, "engine" | "target">) {
  if (engine.record.type !== "managed_agent") return null;
  const own = (engine.record.config ?? {}) as ManagedEngineConfig;
  const there = (target.record.config ?? {}) as Partial<ManagedAgentConfig>;
  return own.protocol ?? there.protocol ?? "openai";
}

async function planned(
  options: EnginesOptions,
  pools: Map<string, KeptPool>,
  task: WorkTask,
  found: FoundEngine,
): Promise<PlannedWork> {
  const { record } = found.engine;
  const { timeout_ms: ownMs = taskLimits.timeoutMs, at_once } = commonOf(record.config);
  const timeoutMs = Math.min(ownMs, task.timeoutMs ?? ownMs);
  const isAlone = record.type === "code_agent" && isFixed(record.config);
  const atOnce = at_once ?? (isAlone ? 1 : agentLimits.atOnce);
  const name = `${record.id}@${found.target.record.id}`;
  return {
    type: record.type,
    drive: naming(found, await driverOf(options, pools, found)),
    timeoutMs,
    line: { name, atOnce, waiting: agentLimits.waiting },
  };
}

/** A target that is lost is waited for by its id, whether its driver throws that or ends with it. */
function naming({ target: { record } }: FoundEngine, drive: Driver): Driver {
  return async (task, hooks) => {
    let end: WorkEnd;
    try {
      end = await drive(task, hooks);
    } catch (error) {
      throw lostTarget(error, record.id);
    }
    const { error } = end;
    if (error?.code !== "TARGET_LOST") return end;
    return { ...end, error: { ...error, details: { ...error.details, target: record.id } } };
  };
}

/** Whether all that it does it does in one folder. */
const isFixed = (config: unknown): boolean =>
  ((config ?? {}) as CodeAgentConfig).workspace !== "conversation" &&
  ((config ?? {}) as CodeAgentConfig).workspace !== "run";

async function driverOf(
  options: EnginesOptions,
  pools: Map<string, KeptPool>,
  found: FoundEngine,
): Promise<Driver> {
  const { engine, target } = found;
  const { type, secrets = {}, config = {} } = engine.record;
  const prices = pricesOf(options.prices);
  checkPlace(found);
  if (type === "managed_agent") return managed(options, found, prices);
  if (type === "direct_ops") {
    const text = `The engine ${engine.record.name} has commands: it does no task as a whole.`;
    throw new RuntimeError("INVALID", text);
  }
  const spawner = options.spawner(target);
  const redactor = createRedactor(Object.values(secrets));
  const common = { spawner, secrets, redactor, prices };
  if (type === "code_agent")
    return codeAgentDriver({ ...common, config: config as CodeAgentConfig });
  const own = { ...common, config: config as PluginConfig };
  const { timeout_ms: lifeMs = taskLimits.timeoutMs } = commonOf(target.record.config);
  const pool = poolOf(pools, found, () => new PluginPool({ ...own, lifeMs }));
  return (task, hooks) => pool.task(task, hooks);
}

/** One for each engine on a target; with the next version of a record come other processes. */
function poolOf(
  pools: Map<string, KeptPool>,
  { engine, target }: FoundEngine,
  make: () => PluginPool,
): PluginPool {
  const name = `${engine.record.id}@${target.record.id}`;
  const versions = `${engine.record.version}@${target.record.version}`;
  const kept = pools.get(name);
  if (kept?.versions === versions) return kept.pool;
  void kept?.pool.end();
  const pool = make();
  pools.set(name, { pool, versions });
  return pool;
}

function managed(
  { web }: EnginesOptions,
  { engine, target, isOwnTarget }: FoundEngine,
  prices: WorkPrices,
): Driver {
  const config = (engine.record.config ?? {}) as ManagedEngineConfig;
  const there = (target.record.config ?? {}) as Partial<ManagedAgentConfig>;
  // The engine's own key goes where its operator sends it, and to no target that somebody else has named.
  const ofEngine = isOwnTarget ? engine.record.secrets?.["api_key"] : undefined;
  return managedAgentDriver({
    ...{ config, web, prices },
    protocol: protocolOf({ engine, target }) ?? "openai",
    url: String(there.url ?? "").replace(/\/+$/, ""),
    model: config.model ?? there.model ?? "",
    apiKey: target.record.secrets?.api_key ?? ofEngine,
  });
}

/** @throws INVALID for an engine that cannot work on such a target. */
function checkPlace({ engine, target }: FoundEngine): void {
  const { name, type } = engine.record;
  const isMachine = ["local", "ssh"].includes(target.record.type);
  if (isMachine !== (type === "managed_agent")) return;
  const where = isMachine ? "http and managed_agent" : "local and ssh";
  const text = `The engine ${name} is a ${type}: it works on targets of type ${where}, not ${target.record.type}.`;
  throw new RuntimeError("INVALID", text);
}

function pricesOf(prices: Prices): WorkPrices {
  return {
    micros: ({ model = "", ...usage }) => {
      const price = model === "" ? null : prices.modelPrice(model);
      return price === null ? null : spendMicros(price, usage);
    },
  };
}
