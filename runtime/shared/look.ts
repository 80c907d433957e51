// What an operator may look at in the running engines: actors by their mailboxes, everything under one
// root as a tree, and who waits for whom. Questions and answers are plain data, bounded by their limit.

import type { Address } from "../address.ts";

/** Most rows of one answer of one worker. */
export const LOOK_MAX = 10_000;

/** A question to every worker. */
export type Look =
  /** Actors in memory, the deepest mailboxes first. */
  | {
      readonly type: "actors";
      readonly tenant?: string;
      readonly kind?: string;
      /** Beginning of the root's name. */
      readonly root?: string;
      readonly state?: ActorView["state"];
      readonly limit: number;
    }
  /** All actors and runs under one root. */
  | {
      readonly type: "tree";
      readonly tenant: string;
      readonly root: string;
      readonly limit: number;
    }
  /** Runs that wait for an actor or a decision, the longest first. */
  | { readonly type: "waits"; readonly tenant?: string; readonly limit: number };

/** An actor in memory. Times in ms since the epoch. */
export interface ActorView {
  readonly address: Address;
  readonly tenant: string;
  readonly kind: string;
  readonly worker: number;
  /**
   * idle: nothing waits. ready: its next turn is due. held: waits to repeat a failed turn. reading:
   * rows are read for a turn. loading: its state is read. quarantined: stopped.
   */
  readonly state: "idle" | "ready" | "held" | "reading" | "loading" | "quarantined";
  readonly mailbox: number;
  /** Arrival of the message that is next; null when none waits, or for what was told in memory. */
  readonly waitingSince: number | null;
  /** Its last turn, or when it came into memory. */
  readonly lastUsed: number;
  /** How often the message that is next has failed. */
  readonly failures: number;
}

/** A step of a run that is under way. */
export interface StepView {
  readonly key: string;
  readonly type: "step" | "child" | "ask" | "wait";
  readonly since: number;
  /** Stored end of a wait; null for a step, which has its own time limit. */
  readonly until: number | null;
  /** Whom an ask waits for. */
  readonly to: Address | null;
}

/** A run in memory with its children. */
export interface RunView {
  readonly id: string;
  readonly address: Address;
  readonly kind: string;
  readonly worker: number;
  readonly parent: Address;
  readonly state: "running" | "stopping" | "ended";
  readonly startedAt: number | null;
  readonly deadline: number;
  readonly stepsDone: number;
  readonly steps: readonly StepView[];
  readonly children: readonly RunView[];
}

/** One run that waits. */
export interface WaitView {
  /** The actor above the run. */
  readonly from: Address;
  readonly run: Address;
  readonly tenant: string;
  readonly step: string;
  readonly type: "ask" | "decision";
  /** The actor that was asked; null for a decision, which comes from outside. */
  readonly to: Address | null;
  readonly since: number;
  readonly until: number;
  readonly worker: number;
}

/** What one worker answers. */
export interface Seen {
  readonly actors: readonly ActorView[];
  readonly runs: readonly RunView[];
  readonly waits: readonly WaitView[];
  /** Rows that were left out because of the limit. */
  readonly leftOut: number;
}

/** What a worker answers; null when it gives no answer in time. */
export interface WorkerSeen {
  readonly worker: number;
  readonly seen: Seen | null;
}

/** What all workers answer. */
export interface SystemSeen extends Seen {
  /** Workers that gave no answer in time. */
  readonly silent: readonly number[];
}

/** The answers of all workers as one, within the limit of the question. */
export function mergeSeen(asked: Look, answers: readonly WorkerSeen[]): SystemSeen {
  const all = answers.flatMap(({ seen }) => seen ?? []);
  const actors = all
    .flatMap((seen) => seen.actors)
    .sort((a, b) => b.mailbox - a.mailbox || b.lastUsed - a.lastUsed);
  const waits = all.flatMap((seen) => seen.waits).sort((a, b) => a.since - b.since);
  const over = Math.max(0, actors.length - asked.limit) + Math.max(0, waits.length - asked.limit);
  return {
    actors: actors.slice(0, asked.limit),
    runs: all.flatMap((seen) => seen.runs),
    waits: waits.slice(0, asked.limit),
    leftOut: over + all.reduce((sum, seen) => sum + seen.leftOut, 0),
    silent: answers.flatMap(({ worker, seen }) => (seen === null ? [worker] : [])),
  };
}

/**
 * Circles among waits: each as the waits around it, starting with the longest. What the chain of an
 * ask could see has failed with CYCLE; these end by their deadlines. At most `max`.
 */
export function circlesOf(
  waits: readonly WaitView[],
  max: number,
): readonly (readonly WaitView[])[] {
  const edges = new Map<Address, WaitView[]>();
  for (const wait of waits) {
    if (wait.to === null) continue;
    const known = edges.get(wait.from);
    if (known === undefined) edges.set(wait.from, [wait]);
    else known.push(wait);
  }
  const circles: WaitView[][] = [];
  /** Actors from which no further circle is to be found. */
  const done = new Set<Address>();
  for (const start of edges.keys()) {
    if (circles.length >= max) break;
    const circle = circleFrom(start, edges, done);
    if (circle !== null) circles.push(longestFirst(circle));
  }
  return circles;
}

/** Walks the graph in depth without recursion: chains may be long. */
function circleFrom(
  start: Address,
  edges: ReadonlyMap<Address, readonly WaitView[]>,
  done: Set<Address>,
): WaitView[] | null {
  if (done.has(start)) return null;
  const path: WaitView[] = [];
  const onPath = new Map<Address, number>([[start, 0]]);
  const next = [{ of: start, at: 0 }];
  for (let top = next.at(-1); top !== undefined; top = next.at(-1)) {
    const wait = edges.get(top.of)?.[top.at];
    top.at += 1;
    if (wait === undefined || wait.to === null) {
      done.add(top.of);
      onPath.delete(top.of);
      next.pop();
      path.pop();
      continue;
    }
    const closes = onPath.get(wait.to);
    if (closes !== undefined) {
      const circle = [...path.slice(closes), wait];
      for (const address of onPath.keys()) done.add(address);
      return circle;
    }
    if (done.has(wait.to)) continue;
    path.push(wait);
    onPath.set(wait.to, next.length);
    next.push({ of: wait.to, at: 0 });
  }
  return null;
}

function longestFirst(circle: readonly WaitView[]): WaitView[] {
  let first = 0;
  circle.forEach((wait, at) => {
    if (wait.since < (circle[first]?.since ?? 0)) first = at;
  });
  return [...circle.slice(first), ...circle.slice(0, first)];
}
