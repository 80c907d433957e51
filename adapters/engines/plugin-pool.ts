// The processes of one plugin: a task has one to itself, and one that is idle is used again, for the same tenant: none
// learns what another has told it. One that dies fails its own task alone; the next is started later each time while
// they do not stay.

import { setTimeout as delay } from "node:timers/promises";
import { agentLimits, type PluginConfig } from "../../actors/engines/agent-configs.ts";
import type { WorkEnd, WorkTask } from "../../actors/engines/works.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Redactor } from "../redaction.ts";
import type { Spawner } from "../targets/spawner.ts";
import type { WorkHooks, WorkPrices } from "./driver.ts";
import { PluginProcess } from "./plugin-process.ts";
import { nothingBegun, startedUntil, succeeds, withMemory } from "./processes.ts";

/** After one has died, the next is started so much later: at first, and at most, ms. */
const BACKOFF_MS = { least: 500, most: 60_000 } as const;
/** A task waits so long for that; one that would wait longer is refused, ms. */
const WAIT_MS_MAX = 5_000;

/** What it needs. */
export interface PluginPoolOptions {
  readonly config: PluginConfig;
  readonly spawner: Spawner;
  /** Variables of its processes. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly redactor: Redactor;
  readonly prices: WorkPrices;
  /** A process is ended by its target when it is so old, ms: none that is half as old begins a task. */
  readonly lifeMs: number;
  readonly nowMs?: () => number;
}

interface Idle {
  /** For whom it has worked. */
  readonly tenant: string;
  readonly process: PluginProcess;
  readonly timer: NodeJS.Timeout;
}

/** Of one engine on one target. */
export class PluginPool {
  readonly #of: PluginPoolOptions;
  readonly #nowMs: () => number;
  readonly #born = new WeakMap<PluginProcess, number>();
  #idle: Idle[] = [];
  #failures = 0;
  #notBeforeMs = 0;
  #limits: Promise<boolean> | undefined;
  #isEnding = false;

  constructor(options: PluginPoolOptions) {
    this.#of = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  async task(task: WorkTask, hooks: WorkHooks): Promise<WorkEnd> {
    const { tenant } = task;
    const process = this.#free(tenant) ?? (await this.#start(hooks.signal));
    const end = await process.task(task, hooks);
    if (process.isOver) this.#died();
    else {
      // One that does its tasks stays.
      this.#failures = 0;
      this.#rest(process, tenant);
    }
    return end;
  }

  /** Ends all that are idle; those at work end with their work. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ process }) => process.close()));
  }

  #free(tenant: string): PluginProcess | null {
    for (;;) {
      const own = this.#idle.findLastIndex((one) => one.tenant === tenant);
      const [one] = own < 0 ? [] : this.#idle.splice(own, 1);
      if (one === undefined) return null;
      clearTimeout(one.timer);
      const isOld = this.#nowMs() - (this.#born.get(one.process) ?? 0) > this.#of.lifeMs / 2;
      if (!one.process.isOver && !isOld) return one.process;
      void one.process.close();
    }
  }

  /** One that has worked for others ends: it may have the place that the next one needs. */
  async #makeRoom(): Promise<void> {
    const other = this.#idle.shift();
    if (other === undefined) return;
    clearTimeout(other.timer);
    await other.process.close();
  }

  #rest(process: PluginProcess, tenant: string): void {
    if (this.#isEnding) return void process.close();
    const timer = setTimeout(() => {
      this.#idle = this.#idle.filter((one) => one.process !== process);
      void process.close();
    }, agentLimits.idleMs).unref();
    this.#idle.push({ tenant, process, timer });
  }

  async #start(signal: AbortSignal): Promise<PluginProcess> {
    await this.#untilDue(signal);
    await this.#makeRoom();
    const { config, spawner, secrets: env, redactor, prices } = this.#of;
    const argv = await this.#limited(config.command, signal);
    // It outlives the task for which it is started.
    const spawned = await startedUntil(signal, (early) => spawner.start({ argv, env }, early));
    const { settings = {}, units_per_usd: unitsPerUsd = 1, max_cost: maxCost } = config;
    const of = { spawned, settings, redactor, prices, unitsPerUsd, maxCost };
    const process = new PluginProcess(of);
    this.#born.set(process, this.#nowMs());
    const stop = (): void => spawned.kill();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await process.hello();
      return process;
    } catch (error) {
      await process.close();
      const isLost = error instanceof RuntimeError && error.code === "TARGET_LOST";
      if (!isLost) this.#died();
      throw nothingBegun(error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const retryAfterMs = this.#notBeforeMs - this.#nowMs();
    if (retryAfterMs <= 0) return;
    if (retryAfterMs > WAIT_MS_MAX) {
      const text = `The plugin has died ${this.#failures} times; it is started again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
      throw new RuntimeError("PROVIDER_UNAVAILABLE", text, { retryAfterMs });
    }
    await delay(retryAfterMs, undefined, { signal });
  }

  /** Without `prlimit` on the target, what its target has is the limit. */
  async #limited(argv: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    this.#limits ??= succeeds(this.#of.spawner, ["prlimit", "--version"], signal);
    this.#limits.catch(() => {
      this.#limits = undefined;
    });
    const { memory_mb: memoryMb = agentLimits.memoryMb } = this.#of.config;
    return (await this.#limits) ? withMemory(argv, memoryMb) : argv;
  }

  #died(): void {
    const waitMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.least * 2 ** this.#failures);
    this.#failures += 1;
    this.#notBeforeMs = this.#nowMs() + waitMs;
  }
}
