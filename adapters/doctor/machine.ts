// What the machine has against what the settings ask of it: memory, cores, open files, Node.

import { readFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import type { Config } from "../config.ts";
import { type Check, error, type Finding, ok, warning } from "./check.ts";

const MIB = 1024 ** 2;
/** What the process takes when little happens, and each worker beside it, MiB: figures of the start. */
const PROCESS_MIB = 256;
const WORKER_MIB = 128;
/** Files that are open beside connections: stores, threads, providers. */
const FILES_BESIDE = 256;
/** The oldest Node that this runs on. */
const NODE_LEAST: readonly [number, number] = [20, 19];

export const machineCheck: Check = {
  name: "machine",
  run: async ({ config, owner }) => {
    const memory = await memoryMib();
    const files = await filesMax(owner);
    const findings = [
      ...nodeOf(process.versions.node),
      ...(config === null ? [] : against(config, { memory, files, cores: availableParallelism() })),
    ];
    if (findings.length > 0) return findings;
    const had = `${availableParallelism()} cores, ${memory} MiB, ${files ?? "any number of"} open files`;
    return [ok(`Node ${process.versions.node}, ${had}.`)];
  },
};

/** What Node's version is worth. */
export function nodeOf(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = NODE_LEAST;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return [];
  const text = `Node ${version} is too old.`;
  return [error(text, `Install Node ${leastMajor}.${leastMinor} or a newer one.`)];
}

/** What a machine has. `files`: null for any number. */
export interface Machine {
  readonly memory: number;
  readonly files: number | null;
  readonly cores: number;
}

/** The settings that a machine has not enough for. */
export function against(
  { workers, runtime, http }: Pick<Config, "workers" | "runtime" | "http">,
  { memory, files, cores }: Machine,
): Finding[] {
  const findings: Finding[] = [];
  const needed = PROCESS_MIB + WORKER_MIB * workers;
  if (memory < needed) {
    const text = `There are ${memory} MiB of memory, and ${workers} workers take about ${needed} MiB.`;
    findings.push(warning(text, "Give it more memory, or set fewer workers."));
  }
  if (workers > cores) {
    const text = `There are ${workers} workers on ${cores} cores: they take turns and each is slower.`;
    findings.push(warning(text, `Set workers to ${Math.max(1, cores - 1)}.`));
  }
  if (runtime.computeThreads > cores) {
    const text = `There are ${runtime.computeThreads} compute threads on ${cores} cores.`;
    findings.push(warning(text, `Set runtime.compute_threads to ${cores} or less.`));
  }
  const wanted = http.connectionsMax + FILES_BESIDE;
  if (files !== null && files < wanted) {
    const text = `${files} files may be open, and http.connections_max is ${http.connectionsMax}: connections past that are refused by the system.`;
    findings.push(
      warning(
        text,
        `ulimit -n ${wanted}, LimitNOFILE=${wanted} in systemd, or fewer connections_max.`,
      ),
    );
  }
  return findings;
}

/** Of the machine, or of the container when it has less. */
async function memoryMib(): Promise<number> {
  const total = totalmem();
  const limit = await readFile("/sys/fs/cgroup/memory.max", "utf8").catch(() => "max");
  const bytes = /^\d+$/.test(limit.trim()) ? Math.min(total, Number(limit)) : total;
  return Math.floor(bytes / MIB);
}

/** Of the server that runs, else of this process: Node has raised it as far as it may. */
async function filesMax(owner: number | null): Promise<number | null> {
  const text = await readFile(`/proc/${owner ?? "self"}/limits`, "utf8").catch(() => "");
  const [, soft] = /^Max open files\s+(\S+)/m.exec(text) ?? [];
  return soft === undefined || soft === "unlimited" ? null : Number(soft);
}
