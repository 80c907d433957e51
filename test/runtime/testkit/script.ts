// What one simulation does, as plain data made from a seed: requests of callers to nodes (actors that
// pass things on) and to desks (actors that start runs), and the plans of those runs.

import type { Repeat } from "../../../runtime/actor.ts";
import { type Address, address } from "../../../runtime/address.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";

/** How the other side behaves: `flaky` fails once, `lost` does its work and then loses the answer once. */
export type How = "ok" | "flaky" | "fatal" | "hang" | "lost";

/** One step of a run. Keys are unique within their job. */
export type PlanStep =
  | {
      readonly do: "call";
      readonly key: string;
      readonly repeat: Repeat;
      readonly how: How;
      readonly ms: number;
    }
  | { readonly do: "text"; readonly key: string; readonly ms: number }
  /** Child runs, side by side. */
  | { readonly do: "children"; readonly key: string; readonly jobs: readonly Job[] }
  | { readonly do: "ask"; readonly key: string; readonly to: Address; readonly id: string }
  | { readonly do: "ask-desk"; readonly key: string; readonly to: Address; readonly job: Job }
  | {
      readonly do: "send";
      readonly key: string;
      readonly to: Address;
      readonly id: string;
      readonly seq: number;
    }
  | { readonly do: "sleep"; readonly key: string; readonly ms: number }
  | { readonly do: "decision"; readonly key: string }
  | { readonly do: "steered"; readonly key: string }
  /** Decided by the turn of an actor, after `inMs`. */
  | {
      readonly do: "question";
      readonly key: string;
      readonly id: string;
      readonly inMs: number;
    };

/** What a run is to do. */
export interface Job {
  /** Unique in its script. */
  readonly name: string;
  readonly steps: readonly PlanStep[];
  readonly timeoutMs?: number;
  /** Ends by throwing. */
  readonly fails?: boolean;
  /** Does not let go at once when it is stopped. */
  readonly lingersMs?: number;
}

/** What a node is told. `id` is what it writes into its log; `fails`: its handler throws so often. */
export type NodeMessage =
  | { readonly type: "put"; readonly id: string; readonly fails?: number }
  | {
      readonly type: "pass";
      readonly id: string;
      readonly to: readonly Address[];
      readonly fails?: number;
      /** Gets a message first that ends as a dead letter. */
      readonly bad?: Address;
    }
  | {
      readonly type: "item";
      readonly id: string;
      readonly from: string;
      /** Counts from 1 for each sender and receiver; 0 for a message that ends as a dead letter. */
      readonly seq: number;
      readonly fails?: number;
    }
  | { readonly type: "later"; readonly id: string; readonly name: string; readonly inMs: number }
  | { readonly type: "due"; readonly id: string; readonly name: string; readonly atMs: number }
  | { readonly type: "forget"; readonly id: string; readonly name: string }
  /** Takes from the tenant's money; refused when there is not enough. */
  | { readonly type: "spend"; readonly id: string; readonly amount: number };

/** What a caller does. */
export type Request =
  | {
      readonly type: "ask";
      readonly id: string;
      readonly atMs: number;
      readonly to: Address;
      readonly message: NodeMessage;
      /** Sent once more under its key after it was acknowledged. */
      readonly again: boolean;
    }
  /** Durable and without a key: never sent twice. */
  | {
      readonly type: "send" | "tell";
      readonly id: string;
      readonly atMs: number;
      readonly to: Address;
      readonly message: NodeMessage;
    }
  | {
      readonly type: "job";
      readonly id: string;
      readonly atMs: number;
      readonly to: Address;
      readonly job: Job;
      readonly held: boolean;
      readonly cancelAfterMs?: number;
      readonly steers: readonly string[];
    };

/** Everything of one simulation that is not chance in its course. */
export interface Script {
  readonly requests: readonly Request[];
  readonly actors: readonly Address[];
}

/** Failures after which a message is given up: for ever, as far as a test can see. */
export const ALWAYS = 1_000_000;
/** What a tenant has to spend. */
export const MONEY = 60;
/** The value of every decision. */
export const DECISION = "granted";

const TENANTS = ["tn_1", "tn_2"];
const NODES = ["n1", "n2", "n3", "n4"];
const DESKS = ["d1", "d2", "d3"];
const SPAN_MS = 7_000;
const PLAN_STEPS_MAX = 4;
const DEPTH_MAX = 3;
/** Share of jobs that ask a question. */
const QUESTIONS = 0.3;

/** Id of the message that goes to `bad` for a pass. */
export const badId = (id: string): string => `${id} bad`;

/** Makes a script of about `size` requests. */
export function makeScript(seed: number, size = 12): Script {
  return new Maker(seed).script(size);
}

class Maker {
  readonly #random: () => number;
  /** Of its own, so that scripts are otherwise what they were without questions. */
  readonly #asks: () => number;
  #ids = 0;
  #questions = 0;

  constructor(seed: number) {
    this.#random = seeded(seed * 7 + 1);
    this.#asks = seeded(seed * 11 + 5);
  }

  script(size: number): Script {
    const requests: Request[] = [];
    // In some scripts nodes do most, all at once: what crosses workers is then always on its way.
    if (this.#chance(0.25)) for (let at = 0; at < size; at += 1) requests.push(this.#rush());
    while (requests.length < size) requests.push(this.#request());
    const actors = TENANTS.flatMap((tenant) => [
      ...NODES.map((root) => address({ kind: "node", tenant, root })),
      ...DESKS.map((root) => address({ kind: "desk", tenant, root })),
      ...DESKS.map((root) => address({ kind: "keeper", tenant, root })),
    ]);
    return { requests: requests.sort((a, b) => a.atMs - b.atMs), actors };
  }

  #request(): Request {
    const tenant = this.#pick(TENANTS);
    // Some callers come together, some alone.
    const atMs = this.#chance(0.5) ? 0 : Math.floor(this.#random() * SPAN_MS);
    const id = this.#id("q");
    if (this.#chance(0.45)) return this.#jobRequest(id, atMs, tenant);
    const to = this.#node(tenant);
    const dice = this.#random();
    if (dice < 0.25) {
      const message = { type: "put", id } as const;
      return { type: this.#chance(0.7) ? "send" : "tell", id, atMs, to, message };
    }
    const again = this.#chance(0.4);
    const message = this.#nodeMessage(id, tenant);
    return { type: "ask", id: message.id, atMs, to, message, again };
  }

  #rush(): Request {
    const tenant = TENANTS[0] ?? "";
    const id = this.#id("q");
    const to = Array.from({ length: 5 }, () => this.#node(tenant));
    const message = { type: "pass", id, to } as const;
    const atMs = Math.floor(this.#random() * 150);
    return { type: "ask", id, atMs, to: this.#node(tenant), message, again: this.#chance(0.5) };
  }

  #nodeMessage(id: string, tenant: string): NodeMessage {
    const dice = this.#random();
    if (dice < 0.2) return { type: "put", id };
    if (dice < 0.3) return { type: "put", id, fails: 1 + Math.floor(this.#random() * 3) };
    if (dice < 0.35) return { type: "put", id, fails: ALWAYS };
    if (dice < 0.65) {
      const to = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () =>
        this.#node(tenant),
      );
      const bad = this.#chance(0.2) ? { bad: this.#node(tenant) } : {};
      return { type: "pass", id, to, ...bad, ...(this.#chance(0.15) ? { fails: 2 } : {}) };
    }
    if (dice < 0.82) {
      const inMs = Math.floor(this.#random() * 6_000);
      const name = this.#pick(["r1", "r2"]);
      return { type: "later", id: `later~${name}~${id}`, name, inMs };
    }
    if (dice < 0.87) {
      const name = this.#pick(["r1", "r2"]);
      return { type: "forget", id: `forget~${name}~${id}`, name };
    }
    return { type: "spend", id, amount: 5 + Math.floor(this.#random() * 30) };
  }

  #jobRequest(id: string, atMs: number, tenant: string): Request {
    const to = address({ kind: "desk", tenant, root: this.#pick(DESKS) });
    const job = this.#job(tenant, 1, to);
    const held = this.#chance(0.15);
    // A held run takes no steering.
    const steers = !held && this.#chance(0.3) ? [this.#id("steer"), this.#id("steer")] : [];
    const isCancelled = this.#chance(0.15);
    return {
      ...{ type: "job", id, atMs, to, job, steers, held },
      ...(isCancelled ? { cancelAfterMs: Math.floor(this.#random() * 1_500) } : {}),
    };
  }

  #job(tenant: string, depth: number, desk: Address): Job {
    const name = this.#id("job");
    const steps = Array.from({ length: 1 + Math.floor(this.#random() * PLAN_STEPS_MAX) }, (_, at) =>
      this.#step({ key: `s${at}`, tenant, depth, desk }),
    );
    if (steps.some((step) => step.do === "steered")) {
      steps.push({ do: "sleep", key: "rest", ms: 2_000 }, { do: "steered", key: "last" });
    }
    if (this.#asks() < QUESTIONS) {
      this.#questions += 1;
      const id = `question${this.#questions}`;
      const inMs = this.#asks() < 0.3 ? 0 : Math.floor(this.#asks() * 4_000);
      const place = Math.floor(this.#asks() * (steps.length + 1));
      steps.splice(place, 0, { do: "question", key: "question", id, inMs });
    }
    return {
      name,
      steps: numbered(steps),
      ...(this.#chance(0.1) ? { timeoutMs: 300 + Math.floor(this.#random() * 3_000) } : {}),
      ...(this.#chance(0.1) ? { fails: true } : {}),
      ...(this.#chance(0.2) ? { lingersMs: Math.floor(this.#random() * 1_000) } : {}),
    };
  }

  #step(of: { key: string; tenant: string; depth: number; desk: Address }): PlanStep {
    const { key, tenant, depth, desk } = of;
    const dice = this.#random();
    if (dice < 0.42) {
      const repeat = this.#pick(["safe", "safe", "reconcile", "never"] as const);
      const how = this.#pick(["ok", "ok", "ok", "ok", "flaky", "fatal", "hang", "lost"] as const);
      return { do: "call", key, repeat, how, ms: Math.floor(this.#random() * 300) };
    }
    if (dice < 0.5) return { do: "text", key, ms: Math.floor(this.#random() * 200) };
    if (dice < 0.6) return { do: "sleep", key, ms: Math.floor(this.#random() * 1_500) };
    if (dice < 0.68) return { do: "ask", key, to: this.#node(tenant), id: this.#id("ask") };
    if (dice < 0.78)
      return { do: "send", key, to: this.#node(tenant), id: this.#id("sent"), seq: 0 };
    if (dice < 0.82) return { do: "decision", key };
    if (dice < 0.86) return { do: "steered", key };
    if (depth >= DEPTH_MAX) return { do: "sleep", key, ms: 10 };
    if (dice < 0.92) {
      // Its own desk too: a circle.
      const to = this.#chance(0.2)
        ? desk
        : address({ kind: "desk", tenant, root: this.#pick(DESKS) });
      return { do: "ask-desk", key, to, job: this.#job(tenant, depth + 1, to) };
    }
    const count = 1 + Math.floor(this.#random() * 2);
    const jobs = Array.from({ length: count }, () => this.#job(tenant, depth + 1, desk));
    return { do: "children", key, jobs };
  }

  #node(tenant: string): Address {
    return address({ kind: "node", tenant, root: this.#pick(NODES) });
  }

  #id(prefix: string): string {
    this.#ids += 1;
    return `${prefix}${this.#ids}`;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)] as T;
  }
}

/** Numbers what one run sends to each receiver. */
function numbered(steps: readonly PlanStep[]): readonly PlanStep[] {
  const sent = new Map<Address, number>();
  return steps.map((step) => {
    if (step.do !== "send") return step;
    const seq = (sent.get(step.to) ?? 0) + 1;
    sent.set(step.to, seq);
    return { ...step, seq };
  });
}

/** Visits a job and all below it; `mayBeCut`: it or one above may be cancelled or expire. */
export function everyJob(
  job: Job,
  isCut: boolean,
  visit: (job: Job, mayBeCut: boolean) => void,
): void {
  const mayBeCut = isCut || job.timeoutMs !== undefined;
  visit(job, mayBeCut);
  for (const step of job.steps) {
    if (step.do === "children") for (const child of step.jobs) everyJob(child, mayBeCut, visit);
    // A run that an actor starts for an asker goes on without it; a circle starts nothing.
    if (step.do === "ask-desk") everyJob(step.job, true, visit);
  }
}
