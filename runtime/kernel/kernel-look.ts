// Answers an operator's question about one engine. One pass over what is in memory; only as many rows
// as were asked for are kept, so that 50,000 actors cost no sort and no copy.

import { type Address, addressParts, shardOf } from "../address.ts";
import type { Run } from "../runs/run.ts";
import type { RunTree } from "../runs/run-tree.ts";
import {
  type ActorView,
  LOOK_MAX,
  type Look,
  type RunView,
  type Seen,
  type StepView,
  type WaitView,
} from "../shared/look.ts";
import { Top } from "../shared/top.ts";
import type { Cell } from "./cell.ts";
import type { Engine } from "./engine.ts";
import { Tell } from "./tell.ts";

const NOTHING: Seen = { actors: [], runs: [], waits: [], leftOut: 0 };

/** An engine whose runs can be looked into. */
interface Looked extends Omit<Engine, "runs"> {
  readonly runs: {
    readonly trees: { values(): Iterable<RunTree> };
    /** What runs wait for that have left memory. */
    readonly asleep: ReadonlyMap<string, readonly WaitView[]>;
  };
}

/** What this engine has to say. */
export function look(engine: Looked, asked: Look): Seen {
  const limit = Math.min(asked.limit, LOOK_MAX);
  switch (asked.type) {
    case "actors":
      return actors(engine, { ...asked, limit });
    case "tree":
      return tree(engine, { ...asked, limit });
    case "waits":
      return waits(engine, { ...asked, limit });
  }
}

function actors(engine: Looked, asked: Look & { readonly type: "actors" }): Seen {
  const { tenant, kind, root, state, limit } = asked;
  const top = new Top<Cell>(limit, (a, b) => a.mailbox.size - b.mailbox.size);
  for (const cell of engine.actors.cells.values()) {
    if (tenant !== undefined && cell.tenant !== tenant) continue;
    if (kind !== undefined && cell.definition.kind !== kind) continue;
    if (root !== undefined && !cell.address.startsWith(root, rootAt(cell))) continue;
    if (state !== undefined && stateOf(cell) !== state) continue;
    top.add(cell);
  }
  const found = top.sorted().map((cell) => actorView(engine, cell));
  return { ...NOTHING, actors: found, leftOut: top.leftOut };
}

function tree(engine: Looked, asked: Look & { readonly type: "tree" }): Seen {
  const { tenant, root, limit } = asked;
  // Everything under one root is on one worker.
  const shard = shardOf(tenant, root);
  if (engine.epochOf(shard) === undefined) return NOTHING;
  const { worker } = engine.options;
  let leftOut = 0;
  const found: ActorView[] = [];
  for (const cell of engine.actors.cells.values()) {
    if (cell.shard !== shard || cell.tenant !== tenant) continue;
    if (addressParts(cell.address).root !== root) continue;
    if (found.length < limit) found.push(actorView(engine, cell));
    else leftOut += 1;
  }
  const runs: RunView[] = [];
  for (const one of engine.runs.trees.values()) {
    if (one.shard !== shard || one.tenant !== tenant) continue;
    if (addressParts(one.parent).root !== root) continue;
    if (found.length + runs.length < limit) runs.push(runView(one, one.root, worker));
    else leftOut += 1;
  }
  return { ...NOTHING, actors: found, runs, leftOut };
}

function waits(engine: Looked, { tenant, limit }: Look & { readonly type: "waits" }): Seen {
  const top = new Top<WaitView>(limit, (a, b) => b.since - a.since);
  const { worker } = engine.options;
  for (const one of engine.runs.trees.values()) {
    if (tenant !== undefined && one.tenant !== tenant) continue;
    for (const wait of waitsOf(one, worker)) top.add(wait);
  }
  const nowMs = engine.options.clock.now();
  for (const asleep of engine.runs.asleep.values()) {
    for (const wait of asleep) {
      if (wait.until > nowMs && (tenant === undefined || wait.tenant === tenant)) top.add(wait);
    }
  }
  return { ...NOTHING, waits: top.sorted(), leftOut: top.leftOut };
}

/** What the runs of a tree wait for beside time and their own children. */
export function waitsOf(tree: RunTree, worker: number): readonly WaitView[] {
  const found: WaitView[] = [];
  for (const run of tree.runs.values()) {
    if (run.outcome || run.waiters.size === 0) continue;
    for (const [step, since] of run.performing) {
      if (!run.waiters.has(step)) continue;
      const to = run.asking.get(step) ?? null;
      const until = run.tries.get(step)?.untilMs ?? run.deadlineMs;
      const type = to === null ? "decision" : "ask";
      const { parent: from, tenant } = tree;
      found.push({ from, run: run.address, tenant, step, type, to, since, until, worker });
    }
  }
  return found;
}

/** Where the root begins in the address of a root actor: `kind:tenant/root`. */
const rootAt = ({ definition, tenant }: Cell): number => definition.kind.length + tenant.length + 2;

function stateOf({ status, mailbox }: Cell): ActorView["state"] {
  if (status === "ready" || status === "cold") return mailbox.size === 0 ? "idle" : "ready";
  return status;
}

function actorView({ pace, options }: Looked, cell: Cell): ActorView {
  const { address, tenant, definition, mailbox, lastUsedTick } = cell;
  // The kernel counts its own milliseconds (pace.ts).
  const timeOf = (tick: number): number => pace.nowMs - pace.tick + tick;
  let waitingSince: number | null = cell.taken?.queuedAt ?? null;
  let failures = cell.taken?.failures ?? 0;
  // The first of those that were noted when they came; of what is told only a sample is.
  mailbox.some((item) => {
    failures = Math.max(failures, item.failures);
    if (waitingSince !== null) return true;
    if (!(item instanceof Tell)) waitingSince = item.queuedAt ?? null;
    else if (item.tick >= 0) waitingSince = timeOf(item.tick);
    return waitingSince !== null;
  });
  return {
    ...{ address, tenant, kind: definition.kind, worker: options.worker, state: stateOf(cell) },
    ...{ mailbox: mailbox.size, waitingSince, failures, lastUsed: timeOf(lastUsedTick) },
  };
}

function runView(tree: RunTree, run: Run, worker: number): RunView {
  const { id, address, definition, deadlineMs, outcome, stopped, stored } = run;
  return {
    ...{ id, address, kind: definition.kind, worker },
    parent: run.parent?.address ?? tree.parent,
    state: outcome ? "ended" : stopped ? "stopping" : "running",
    startedAt: run === tree.root ? tree.row.startedAt : null,
    deadline: deadlineMs,
    stepsDone: stored.size,
    steps: [...run.performing].map(([key, since]) => stepView(run, key, since)),
    children: [...run.children.values()].map((child) => runView(tree, child, worker)),
  };
}

function stepView(run: Run, key: string, since: number): StepView {
  const to: Address | null = run.asking.get(key) ?? null;
  const until = run.tries.get(key)?.untilMs ?? null;
  const isChild = run.children.has(key);
  const type = isChild ? "child" : to !== null ? "ask" : until !== null ? "wait" : "step";
  return { key, type, since, until, to };
}
