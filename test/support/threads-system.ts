// A system over real threads and a real folder for tests, with its log kept and its workers within
// reach for killing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, address, shardOfAddress } from "../../runtime/address.ts";
import type { RuntimeConfig } from "../../runtime/config.ts";
import type { Frame } from "../../runtime/frame.ts";
import type { KernelLimits } from "../../runtime/kernel/kernel-port.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { program } from "./threads-program.ts";

/** A started system and what tests look at. */
export interface TestSystem {
  readonly system: RunningSystem;
  readonly folder: string;
  readonly log: string[];
  readonly exits: number[];
}

const started: { system: RunningSystem; folder: string }[] = [];
const tasksUrl = new URL("./threads-tasks.js", import.meta.url).href;

/** Starts a system; `folder` that of an earlier one. Stopped and removed by `stopAll`. */
export async function startTestSystem(
  config: Partial<RuntimeConfig>,
  folder = mkdtempSync(join(tmpdir(), "troupe-threads-")),
  limits: Partial<KernelLimits> = {},
): Promise<TestSystem> {
  const log: string[] = [];
  const exits: number[] = [];
  const system = await startSystem({
    folder,
    workerUrl: new URL("./threads-worker.js", import.meta.url),
    loadHost: () => program,
    config,
    limits,
    tasks: {
      double: { url: tasksUrl, name: "double" },
      refuse: { url: tasksUrl, name: "refuse" },
      spin: { url: tasksUrl, name: "spin" },
    },
    log: {
      write: (level, message, fields) =>
        log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    },
    exit: (code) => exits.push(code),
  });
  started.push({ system, folder });
  return { system, folder, log, exits };
}

/** Stops what was started and removes its folders. */
export async function stopAll(): Promise<void> {
  for (const { system, folder } of started.splice(0)) {
    await system.stop(1_000);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Address of kind and root in the tests' tenant. */
export function at(kind: string, root: string): Address {
  return address({ kind, tenant: "tn_1", root });
}

/** A root of this kind that lives on `worker` of `workers`. */
export function rootOn(kind: string, worker: number, workers: number): Address {
  for (let n = 0; ; n += 1) {
    const found = at(kind, `r${n}`);
    if (shardOfAddress(found) % workers === worker) return found;
  }
}

/** All frames to the end. */
export async function collect(frames: AsyncIterable<readonly Frame[]>): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const batch of frames) all.push(...batch);
  return all;
}

/** The text a viewer of these frames has at the end. */
export function textOf(frames: readonly Frame[]): string {
  const texts = new Map<string, string>();
  for (const frame of frames) {
    if (frame.type === "reset") texts.set(frame.step, "");
    if (frame.type !== "text") continue;
    const before = texts.get(frame.step) ?? "";
    if (before.length !== frame.offset)
      throw new Error(`Text at ${frame.offset}, not ${before.length}`);
    texts.set(frame.step, before + frame.text);
  }
  return [...texts.values()].join("");
}
