// A contest: programs that do the same work one after the other, in rounds, each in a process of its
// own that warms up, measures once and prints one line of figures.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../question.ts";
import { type PeerName, peerFolder, projectFolder, reportMissing } from "./peers.ts";
import { cores, runToEnd } from "./processes.ts";
import type { Figures } from "./workload.ts";

/** One side of a contest. */
export interface Contestant {
  readonly name: string;
  readonly command: string;
  /** What comes before the workload and its count. */
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Share of the count that it is given: slow ones have less to do, rates are compared. */
  readonly share: number;
  /** Its own name of the workload. */
  readonly workload?: string;
}

const here = dirname(fileURLToPath(import.meta.url));
const QUICK_SHARE = 0.25;

/** A program of ours from bench/support. */
export function own(name: string, program: string, workload?: string): Contestant {
  return {
    name,
    command: process.execPath,
    args: ["--expose-gc", join(here, `${program}.js`)],
    share: 1,
    ...(workload === undefined ? {} : { workload }),
  };
}

/** Peers from npm by name, each with its share of the count; those that cannot be installed are left out. */
export function npmPeers(shares: Partial<Record<PeerName, number>>): Contestant[] {
  return Object.entries(shares).flatMap(([name, share]) => {
    const cwd = peerFolder(name as PeerName);
    if (cwd === undefined) return [];
    return [{ name, command: process.execPath, args: ["--expose-gc", "main.mjs"], cwd, share }];
  });
}

/** Erlang with one scheduler, compiled into a temporary folder; none when it is not installed. */
export function erlang(): Contestant[] {
  const source = join(projectFolder, "bench", "peers", "erlang", "bench.erl");
  const folder = mkdtempSync(join(tmpdir(), "bench-erlang-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  try {
    execFileSync("erlc", ["-o", folder, source], { stdio: "pipe" });
  } catch (error) {
    reportMissing("erlang", error);
    return [];
  }
  const args = ["+S", "1:1", "-noshell", "-pa", folder, "-run", "bench", "main"];
  return [{ name: "erlang", command: "erl", args, share: 1 }];
}

/** What to let them do. */
export interface Contest {
  readonly workload: string;
  readonly count: number;
  /** Counts given out are multiples of it. */
  readonly multiple?: number;
  /** Whether all run on one core, one after the other; else each may use all cores. */
  readonly isPinned: boolean;
}

/** Figures of every round by contestant and name. */
export class Results {
  readonly #figures = new Map<string, Figures[]>();

  add(name: string, figures: Figures): void {
    this.#figures.set(name, [...(this.#figures.get(name) ?? []), figures]);
  }

  /** One figure of all rounds; none of whoever did not take part. */
  of(name: string, figure: string): number[] {
    return (this.#figures.get(name) ?? []).map((one) => one[figure] ?? Number.NaN);
  }

  /** One figure of everybody, for a note. */
  note(figure: string, show: (values: readonly number[]) => string): string {
    return [...this.#figures.keys()]
      .map((name) => `${name} ${show(this.of(name, figure))}`)
      .join(", ");
  }
}

/** Lets all do the same work, round after round. */
export async function contest(
  bench: Bench,
  contestants: readonly Contestant[],
  { workload, count, multiple = 1, isPinned }: Contest,
): Promise<Results> {
  const results = new Results();
  for (let round = 0; round < bench.rounds; round += 1) {
    for (const { name, command, args, share, cwd, workload: ownName } of contestants) {
      const wanted = count * share * (bench.isQuick ? QUICK_SHARE : 1);
      const given = Math.max(1, Math.round(wanted / multiple)) * multiple;
      const printed = await runToEnd({
        command,
        args: [...args, ownName ?? workload, `${given}`],
        core: isPinned ? cores.server : null,
        ...(cwd === undefined ? {} : { cwd }),
      });
      const figures = JSON.parse(printed) as Figures;
      results.add(name, figures);
      bench.say(`${workload} ${name} ${shown(figures)}`);
    }
  }
  return results;
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value >= 1_000 ? Math.round(value) : value.toPrecision(3)}`)
    .join(" ");
}
