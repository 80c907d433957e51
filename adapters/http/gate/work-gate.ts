// The gate before all that costs something: chats go through one lane (they take long, mostly waiting
// for a model), other requests through another, so that nobody's list waits for its own chats. What
// the lanes share is here: how loaded the threads are, who has company, and who holds back for whom.

import { afterPromises, FairPass } from "../../../runtime/shared/fair-pass.ts";
import type { WeightOf } from "../../../runtime/shared/tenant-weights.ts";
import type { SystemLoad } from "../../../runtime/threads/loop-load.ts";
import { Arrivals } from "./arrivals.ts";
import { type GateWatch, Lane, type LaneFigures } from "./lane.ts";
import { QuietTenants } from "./quiet-tenants.ts";

/** Time between two looks at how loaded the threads are, ms. */
export const GATE_LOOK_MS = 50;
/** A tenant counts as alone when no other has come for so long, ms. */
export const COMPANY_MS = 60_000;
/**
 * Loops that run turns are busier than this, or take longer to come round, ms: one more is felt by the
 * others. Or more of the cores is in use, by main or by threads that compute. Main alone may be busy: it
 * begins little in a pass, and to begin nothing would only keep a core idle.
 */
const LOADED = { busy: 0.5, passMs: 1.25, cpu: 0.75 } as const;

/**
 * How long work is begun in one pass of the event loop, ms: one piece of work at least. Whatever becomes
 * ready, the next step of a chat too, waits for the pass to end.
 */
export const BEGINS_MS = 2;

/** What the gate needs to know. */
export interface WorkGateOptions {
  /** How loaded the threads were since the last call. */
  readonly load: () => SystemLoad;
  /** Calls again and again until it is stopped. Default: a timer. */
  readonly every?: (ms: number, call: () => void) => () => void;
  /** Default: the process's clock, ms. */
  readonly now?: () => number;
  /** Calls in the next pass of the event loop. Default: setImmediate. */
  readonly defer?: (call: () => void) => void;
  /** Shares of a tenant among those that wait. Default: one each. */
  readonly weightOf?: WeightOf;
}

/** The gate at one moment, by lane. */
export interface WorkGateFigures {
  readonly chats: LaneFigures;
  readonly requests: LaneFigures;
}

/** The way in. */
export class WorkGate implements GateWatch {
  readonly chats = new Lane("chats", this);
  readonly requests = new Lane("requests", this);
  readonly turns: FairPass;
  readonly #options: WorkGateOptions;
  readonly #quiet = new QuietTenants();
  readonly #arrivals = new Arrivals();
  #isLettingIn = false;
  #stop: (() => void) | null = null;
  /** The tenant that came last, and until when the others count as company. */
  #last = "";
  #companyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: WorkGateOptions) {
    this.#options = options;
    const { defer = setImmediate } = options;
    this.turns = new FairPass({
      defer: (call) => defer(call),
      most: 1,
      freeMs: BEGINS_MS,
      now: () => this.#now(),
    });
  }

  figures(): WorkGateFigures {
    return { chats: this.chats.figures(), requests: this.requests.figures() };
  }

  come(tenant: string): void {
    this.#arrivals.add(tenant);
    if (tenant === this.#last) return;
    if (this.#last !== "") this.#companyUntilMs = this.#now() + COMPANY_MS;
    this.#last = tenant;
  }

  weightOf(tenant: string): number {
    return this.#options.weightOf?.(tenant) ?? 1;
  }

  isAlone(): boolean {
    return this.#now() >= this.#companyUntilMs;
  }

  isMany(tenant: string): boolean {
    return this.#arrivals.isMany(tenant);
  }

  isQuiet(tenant: string): boolean {
    if (this.isMany(tenant)) return false;
    return this.#arrivals.hasMany() || this.chats.isCrowded() || this.requests.isCrowded();
  }

  quietBegins(name: string): void {
    this.#quiet.begin(name, this.#now());
  }

  quietEnds(name: string): void {
    if (this.#quiet.has(name)) this.#quiet.end(name, this.#now());
  }

  holdsBack(name?: string): boolean {
    if (name !== undefined && this.#quiet.has(name)) return false;
    return this.#quiet.holdOthers(this.#now());
  }

  begin(): void {
    if (this.#stop !== null) return;
    this.#options.load();
    this.#stop = (this.#options.every ?? repeat)(GATE_LOOK_MS, () => this.#look());
  }

  // Whoever has left has its answer still to send, which would wait for the work of the next.
  letIn(): void {
    if (this.#isLettingIn) return;
    this.#isLettingIn = true;
    afterPromises(() => {
      this.#isLettingIn = false;
      this.chats.letIn();
      this.requests.letIn();
    });
  }

  #look(): void {
    this.#arrivals.look(this.#now());
    const load = this.#options.load();
    const { turns, cpu } = load;
    const { busy, passMs } = LOADED;
    this.#quiet.look(turns.busy > busy || turns.passMs > passMs || cpu > LOADED.cpu);
    if (this.chats.isIdle() && this.requests.isIdle()) {
      this.#stop?.();
      this.#stop = null;
      return;
    }
    this.chats.look(load);
    this.requests.look(load);
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}

function repeat(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms);
  timer.unref();
  return () => clearInterval(timer);
}
