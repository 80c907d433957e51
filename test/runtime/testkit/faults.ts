// What goes wrong in a simulation, as plain data: at which storage write, at which of its stages, and
// how. A plan can be written as text, so that a failing case is named by one line.

import { seeded } from "../../../runtime/testkit/schedule.ts";

/** Something that goes wrong at a storage write. */
export type Fault = { readonly write: number } & (
  | { readonly type: "process" | "power"; readonly stage: Stage }
  /** One worker dies; its shards go to `heir`. */
  | {
      readonly type: "worker";
      readonly stage: Stage;
      readonly worker: number;
      readonly heir: number;
    }
  /** A part of the shards moves to a worker. */
  | { readonly type: "move"; readonly part: number; readonly to: number; readonly graceMs: number }
  /** The disk is full for a while. */
  | { readonly type: "full"; readonly forMs: number }
  /** The process fails and the clock shows another time when it is back. */
  | { readonly type: "jump"; readonly ms: number }
);

/** Where in a write: before it, before anybody hears of it, before and after its flush. */
export type Stage = "writing" | "committed" | "flushing" | "flushed";

/** Parts into which shards are divided for moves. */
export const PARTS = 4;

const STAGES: readonly Stage[] = ["writing", "committed", "flushing", "flushed"];
const WRITES = 120;

/** How many faults, and each kind's share of them. */
interface Mix {
  readonly least: number;
  readonly most: number;
  readonly shares: readonly (readonly [Fault["type"], number])[];
}

const mixed: Mix = {
  least: 1,
  most: 3,
  shares: [
    ["process", 0.28],
    ["power", 0.22],
    ["worker", 0.18],
    ["move", 0.18],
    ["full", 0.07],
    ["jump", 0.07],
  ],
};

const crowded: Mix = {
  least: 2,
  most: 5,
  shares: [
    ["full", 0.35],
    ["move", 0.25],
    ["worker", 0.25],
    ["process", 0.15],
  ],
};

/** One to three faults of any kind, for a system of so many workers. */
export function randomFaults(seed: number, workers: number): readonly Fault[] {
  return faultsOf(mixed, seeded(seed * 31 + 17), workers);
}

/** Two to five faults that meet each other: full disks while shards move and workers die. */
export function crowdedFaults(seed: number, workers: number): readonly Fault[] {
  return faultsOf(crowded, seeded(seed * 97 + 5), workers);
}

function faultsOf(
  { least, most, shares }: Mix,
  random: () => number,
  workers: number,
): readonly Fault[] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const count = least + below(most - least + 1);
  const faults: Fault[] = [];
  // The first writes are those of the start.
  let write = 2 + below(WRITES);
  for (let made = 0; made < count; made += 1) {
    const stage = STAGES[below(STAGES.length)] ?? "committed";
    const type = typeOf(shares, random());
    if (type === "worker") {
      faults.push({ write, type, stage, worker: below(workers), heir: below(workers) });
    } else if (type === "move") {
      const graceMs = below(2) === 0 ? 0 : 400;
      faults.push({ write, type, part: below(PARTS), to: below(workers), graceMs });
    } else if (type === "full") faults.push({ write, type, forMs: 1 + below(1_500) });
    else if (type === "jump") faults.push({ write, type, ms: below(20_000) - 10_000 });
    else faults.push({ write, type, stage });
    // Often soon after: while the first is being repaired.
    write += 1 + (below(2) === 0 ? below(6) : below(WRITES / 2));
  }
  return faults;
}

function typeOf(shares: Mix["shares"], dice: number): Fault["type"] {
  let sum = 0;
  for (const [type, share] of shares) {
    sum += share;
    if (dice < sum) return type;
  }
  return shares.at(-1)?.[0] ?? "process";
}

/** A plan as text: "worker@12 stage=committed worker=0 heir=1; power@30 stage=flushing". */
export function faultsText(faults: readonly Fault[]): string {
  return faults
    .map(({ type, write, ...rest }) =>
      [`${type}@${write}`, ...Object.entries(rest).map(([name, value]) => `${name}=${value}`)].join(
        " ",
      ),
    )
    .join("; ");
}

/** The plan written as text. */
export function parseFaults(text: string): readonly Fault[] {
  return text
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const [head = "", ...rest] = part.split(" ");
      const [type, write] = head.split("@");
      const values = rest.map((pair) => {
        const [name, value = ""] = pair.split("=");
        return [name, /^-?\d+$/.test(value) ? Number(value) : value];
      });
      return { type, write: Number(write), ...Object.fromEntries(values) } as Fault;
    });
}
