// How many chats are under way at once. While the threads that answer are busy all the time, one more
// makes nothing faster and everybody slower: at every step of its turn each waits for all the others.
// So the gate lets in as many as keep the threads busy and no more; the others wait here, tenants in
// turn, before anything of theirs has cost something. A tenant that has nothing under way never waits,
// and one that is alone never does: nobody is in its way but itself, and commits of many cost less.

import { RuntimeError } from "../../../runtime/errors.ts";
import { FairQueue, type Place } from "../../../runtime/shared/fair-queue.ts";
import type { LoopLoad } from "../../../runtime/threads/loop-load.ts";

/** Chats that may wait, of one tenant half of them, and for how long, ms. */
export const GATE_WAITING_MAX = 20_000;
export const GATE_WAIT_MS_MAX = 30_000;
/** The limit is never below; where it stands when nobody has come for a while. */
export const UNDER_WAY_MIN = 4;
/** Time between two looks at how busy the threads are, ms. */
export const GATE_LOOK_MS = 50;
/** After so many looks at which nobody had been let in, one is. */
export const LOOKS_IN_VAIN_MAX = 20;
/** A tenant counts as alone when no other has come for so long, ms. */
export const COMPANY_MS = 60_000;
/** Busier than this: fewer are let in. Less busy than this: more. Much less: many more. */
const BUSY = 0.95;
const HAS_ROOM = 0.85;
const HAS_MUCH_ROOM = 0.5;
/**
 * Passes of the event loop that take longer than this, ms: no more are let in; much longer: fewer. On
 * a core that others take away a loop waits, and is not busy, however many it keeps waiting.
 */
const LONG_PASS_MS = 1.25;
const MUCH_TOO_LONG = 1.5;
const FEWER = 0.75;
const MORE = 1.1;
const MANY_MORE = 2;
const RETRY_AFTER_MS = 1_000;

/** What the gate needs to know. */
export interface TurnGateOptions {
  /** How loaded the threads were since the last call. */
  readonly load: () => LoopLoad;
  /** Calls again and again until it is stopped. Default: a timer. */
  readonly every?: (ms: number, call: () => void) => () => void;
  /** Default: the process's clock, ms. */
  readonly now?: () => number;
}

/** The gate at one moment. */
export interface TurnGateFigures {
  readonly underWay: number;
  readonly waiting: number;
  /** How many may be under way; it holds for those who are not alone. */
  readonly limit: number;
}

/** The way in. */
export class TurnGate {
  readonly #options: TurnGateOptions;
  readonly #waiting = new FairQueue<() => void>({
    max: GATE_WAITING_MAX,
    tenantMax: GATE_WAITING_MAX / 2,
  });
  /** Chats under way of each tenant that has some. */
  readonly #ofTenant = new Map<string, number>();
  #underWay = 0;
  #limit = UNDER_WAY_MIN;
  #stop: (() => void) | null = null;
  /** Looks since somebody was let in. */
  #looksInVain = 0;
  /** Whether somebody waited already at the last look. */
  #hasWaited = false;
  /** The tenant that came last, and until when the others count as company. */
  #last = "";
  #companyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: TurnGateOptions) {
    this.#options = options;
  }

  figures(): TurnGateFigures {
    return { underWay: this.#underWay, waiting: this.#waiting.size, limit: this.#limit };
  }

  /**
   * Lets a chat in: at once (undefined), or when it is its turn. Whoever is in leaves once.
   * @param key Its caller within the tenant. @throws POOL_FULL, DEADLINE, or the signal's reason.
   */
  enter(tenant: string, key: string, signal: AbortSignal): Promise<void> | undefined {
    if (tenant !== this.#last) {
      if (this.#last !== "") this.#companyUntilMs = this.#now() + COMPANY_MS;
      this.#last = tenant;
    }
    const isTheOnlyOne = !this.#ofTenant.has(tenant) && this.#waiting.sizeOf(tenant) === 0;
    if (isTheOnlyOne || this.#hasRoom()) {
      this.#take(tenant);
      return undefined;
    }
    return this.#wait(tenant, key, signal);
  }

  leave(tenant: string): void {
    const left = (this.#ofTenant.get(tenant) ?? 0) - 1;
    if (left > 0) this.#ofTenant.set(tenant, left);
    else this.#ofTenant.delete(tenant);
    this.#underWay -= 1;
    this.#letIn();
    if (this.#underWay > 0) return;
    this.#limit = UNDER_WAY_MIN;
    this.#hasWaited = false;
    this.#stop?.();
    this.#stop = null;
  }

  // Tenants come in past the limit, each with its first one. So that whoever waits gets in however
  // many tenants are here, there is always room for one more than each tenant's first.
  #hasRoom(): boolean {
    if (this.#underWay < Math.max(this.#limit, this.#ofTenant.size + 1)) return true;
    return this.#now() >= this.#companyUntilMs;
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  #letIn(): void {
    while (this.#waiting.size > 0 && this.#hasRoom()) this.#waiting.shift()?.();
  }

  #take(tenant: string): void {
    this.#ofTenant.set(tenant, (this.#ofTenant.get(tenant) ?? 0) + 1);
    this.#underWay += 1;
    this.#looksInVain = 0;
    if (this.#stop !== null) return;
    this.#options.load();
    this.#stop = (this.#options.every ?? repeat)(GATE_LOOK_MS, () => this.#look());
  }

  #wait(tenant: string, key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let place: Place<() => void> | null = null;
      const giveUp = (error: unknown): void => {
        settle();
        if (place !== null && this.#waiting.remove(place)) reject(error as Error);
      };
      const onAbort = (): void => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(tooLate()), GATE_WAIT_MS_MAX);
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
      };
      place = this.#waiting.push(tenant, key, () => {
        settle();
        this.#take(tenant);
        resolve();
      });
      if (place === null) {
        settle();
        reject(full(this.#waiting.size));
      } else if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort);
    });
  }

  #look(): void {
    const { busy, passMs } = this.#options.load();
    if (busy > BUSY || passMs > LONG_PASS_MS * MUCH_TOO_LONG) this.#lower();
    else if (this.#hasWaited && passMs < LONG_PASS_MS) this.#raise(busy, passMs);
    this.#hasWaited = this.#waiting.size > 0;
    this.#letIn();
    // Those under way may do nothing but wait, for an approval or a slow model: they stop nobody.
    this.#looksInVain += 1;
    if (this.#looksInVain >= LOOKS_IN_VAIN_MAX) this.#waiting.shift()?.();
  }

  /** It falls again only when what it was has been reached. */
  #lower(): void {
    if (this.#underWay > this.#limit) return;
    this.#limit = Math.max(UNDER_WAY_MIN, Math.floor(this.#underWay * FEWER));
  }

  // Only when somebody has waited all the time since the last look: how busy the threads were before
  // a flood came says nothing of what they can do now.
  #raise(busy: number, passMs: number): void {
    const hasMuchRoom = busy < HAS_MUCH_ROOM && passMs < LONG_PASS_MS * HAS_MUCH_ROOM;
    if (hasMuchRoom) this.#limit = this.#underWay * MANY_MORE + UNDER_WAY_MIN;
    else if (busy < HAS_ROOM) this.#limit = Math.ceil(this.#limit * MORE);
  }
}

function repeat(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms);
  timer.unref();
  return () => clearInterval(timer);
}

function full(waiting: number): RuntimeError {
  const text = `Of chats that wait to begin there are ${waiting}; the limit is ${GATE_WAITING_MAX}, half of it for one tenant.`;
  return new RuntimeError("POOL_FULL", text, { retryAfterMs: RETRY_AFTER_MS });
}

function tooLate(): RuntimeError {
  const text = `The chat could not begin within ${GATE_WAIT_MS_MAX} ms: the server is busy.`;
  return new RuntimeError("DEADLINE", text, {
    limitMs: GATE_WAIT_MS_MAX,
    retryAfterMs: RETRY_AFTER_MS,
  });
}
