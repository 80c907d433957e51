// How many of one kind, chats or requests, are under way at once. While the threads that answer are
// busy all the time, one more makes nothing faster and everybody slower: at each of its steps it waits
// for all the others. So a lane lets in as many as keep the threads busy and no more; the others wait
// here, tenants in turn, before anything of theirs has cost something. A tenant that sends little and has
// nothing under way never waits, and the others begin nothing until it is answered (quiet-tenants.ts).
// And one that is alone never waits: nobody is in its way but itself, and commits of many cost less.

import { RuntimeError } from "../../../runtime/errors.ts";
import { afterPromises, type FairPass } from "../../../runtime/shared/fair-pass.ts";
import { FairQueue, type Place } from "../../../runtime/shared/fair-queue.ts";
import type { LoopLoad } from "../../../runtime/threads/loop-load.ts";

/** So many may wait, of one tenant half of them, and for how long, ms. */
export const GATE_WAITING_MAX = 20_000;
export const GATE_WAIT_MS_MAX = 30_000;
/** The limit is never below; where it stands when nobody has come for a while. */
export const UNDER_WAY_MIN = 4;
/** After so many looks at which nobody had been let in, one is. */
export const LOOKS_IN_VAIN_MAX = 20;
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

/** Who asks, as far as it may go away. */
export interface Asker {
  readonly signal: AbortSignal;
}

/** What the lanes of a gate share. Names are of a tenant in a lane. */
export interface GateWatch {
  /** A tenant has come. */
  come(tenant: string): void;
  /** Shares of a tenant among those that wait. */
  weightOf(tenant: string): number;
  /** Whether no other tenant has come for a while. */
  isAlone(): boolean;
  /** Whether this tenant has sent much. */
  isMany(tenant: string): boolean;
  /** Whether this tenant sends little while another has sent much, or has much under way or waiting. */
  isQuiet(tenant: string): boolean;
  /** A tenant begins the only thing it has under way in its lane beside such; and it has ended. */
  quietBegins(name: string): void;
  quietEnds(name: string): void;
  /** Whether others are to hold back for it now; not who is one of them. */
  holdsBack(name?: string): boolean;
  /** Something is under way: from now on it is looked at. */
  begin(): void;
  /** Somebody has left: there may be room in every lane. */
  letIn(): void;
  /** The turns in which work begins, of both lanes. */
  readonly turns: FairPass;
}

/** What somebody comes for. @param isItsTurn whether it has waited, and been let in in its turn. */
export type Work<T> = (isItsTurn: boolean) => T | Promise<T>;

/** A lane at one moment. */
export interface LaneFigures {
  readonly underWay: number;
  readonly waiting: number;
  /** How many may be under way; it holds for those who are not alone. */
  readonly limit: number;
}

/** One way in. */
export class Lane {
  readonly #name: string;
  readonly #gate: GateWatch;
  readonly #waiting: FairQueue<() => void>;
  /** How many are under way of each tenant that has some. */
  readonly #ofTenant = new Map<string, number>();
  #underWay = 0;
  #limit = UNDER_WAY_MIN;
  /** Looks since somebody was let in. */
  #looksInVain = 0;
  /** Whether somebody waited already at the last look. */
  #hasWaited = false;
  /** Whether somebody is to be let in when it is this lane's turn. */
  #isInTurn = false;
  readonly #turn = (): void => {
    this.#isInTurn = false;
    // Meanwhile somebody quiet may have come.
    if (this.#waiting.size === 0 || !this.#hasRoom()) return;
    this.#waiting.shift()?.();
    afterPromises(this.#next);
  };
  readonly #next = (): void => this.letIn();

  constructor(name: string, gate: GateWatch) {
    this.#name = name;
    this.#gate = gate;
    this.#waiting = new FairQueue({
      max: GATE_WAITING_MAX,
      tenantMax: GATE_WAITING_MAX / 2,
      weightOf: (tenant) => gate.weightOf(tenant),
    });
  }

  figures(): LaneFigures {
    return { underWay: this.#underWay, waiting: this.#waiting.size, limit: this.#limit };
  }

  isIdle(): boolean {
    return this.#underWay === 0;
  }

  isCrowded(): boolean {
    return this.#underWay > this.#ofTenant.size || this.#waiting.size > 0;
  }

  /**
   * Lets somebody in: at once (undefined), or when it is its turn. Whoever is in leaves once.
   * @param key Its caller within the tenant. @param asker who may go away; the signal is looked at only
   * when it has to wait. @throws POOL_FULL, DEADLINE, or the signal's reason.
   */
  enter(tenant: string, key: string, asker: Asker): Promise<void> | undefined {
    this.#gate.come(tenant);
    const isItsFirst = !this.#ofTenant.has(tenant) && this.#waiting.sizeOf(tenant) === 0;
    if (isItsFirst && this.#gate.isQuiet(tenant)) this.#gate.quietBegins(this.#nameOf(tenant));
    // A hundred short lists a second are each the only one under way.
    const isFree = isItsFirst && !this.#gate.isMany(tenant);
    if (isFree || (this.#waiting.size === 0 && this.#hasRoom(tenant))) {
      this.#take(tenant);
      return undefined;
    }
    return this.#wait(tenant, key, asker.signal);
  }

  /** What `work` gives; it begins when it is let in and leaves when it has ended. @throws as both. */
  pass<T>(tenant: string, key: string, asker: Asker, work: Work<T>): T | Promise<T> {
    const entering = this.enter(tenant, key, asker);
    return entering === undefined
      ? this.#within(tenant, work, false)
      : entering.then(() => this.#within(tenant, work, true));
  }

  #within<T>(tenant: string, work: Work<T>, isItsTurn: boolean): T | Promise<T> {
    let isGoingOn = false;
    try {
      const result = work(isItsTurn);
      if (!(result instanceof Promise)) return result;
      isGoingOn = true;
      return result.finally(() => this.leave(tenant));
    } finally {
      if (!isGoingOn) this.leave(tenant);
    }
  }

  leave(tenant: string): void {
    const left = (this.#ofTenant.get(tenant) ?? 0) - 1;
    if (left > 0) this.#ofTenant.set(tenant, left);
    else this.#ofTenant.delete(tenant);
    this.#underWay -= 1;
    this.#gate.quietEnds(this.#nameOf(tenant));
    this.#gate.letIn();
    if (this.#underWay > 0) return;
    this.#limit = UNDER_WAY_MIN;
    this.#hasWaited = false;
  }

  /**
   * Lets in who waits, as far as there is room, and not all in one pass of the event loop: what they
   * came for is done at once, and whoever else becomes ready would wait for all of it.
   */
  letIn(): void {
    if (this.#isInTurn || this.#waiting.size === 0 || !this.#hasRoom()) return;
    this.#isInTurn = true;
    this.#gate.turns.next(this.#name, this.#turn);
  }

  /** Looks at how loaded the threads have been since the last look. */
  look({ busy, passMs }: LoopLoad): void {
    if (busy > BUSY || passMs > LONG_PASS_MS * MUCH_TOO_LONG) this.#lower();
    else if (this.#hasWaited && passMs < LONG_PASS_MS) this.#raise(busy, passMs);
    this.#hasWaited = this.#waiting.size > 0;
    this.letIn();
    // Those under way may do nothing but wait, for an approval or a slow model: they stop nobody.
    this.#looksInVain += 1;
    if (this.#looksInVain >= LOOKS_IN_VAIN_MAX) this.#waiting.shift()?.();
  }

  #nameOf(tenant: string): string {
    return `${this.#name} ${tenant}`;
  }

  // Tenants come in past the limit, each with its first one. So that whoever waits gets in however
  // many tenants are here, there is always room for one more than each tenant's first.
  #hasRoom(tenant?: string): boolean {
    if (this.#gate.isAlone()) return true;
    if (this.#gate.holdsBack(tenant && this.#nameOf(tenant))) return false;
    return this.#underWay < Math.max(this.#limit, this.#ofTenant.size + 1);
  }

  #take(tenant: string): void {
    this.#ofTenant.set(tenant, (this.#ofTenant.get(tenant) ?? 0) + 1);
    this.#underWay += 1;
    this.#looksInVain = 0;
    this.#gate.begin();
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

function full(waiting: number): RuntimeError {
  const text = `Of requests that wait to begin there are ${waiting}; the limit is ${GATE_WAITING_MAX}, half of it for one tenant.`;
  return new RuntimeError("POOL_FULL", text, { retryAfterMs: RETRY_AFTER_MS });
}

function tooLate(): RuntimeError {
  const text = `The request could not begin within ${GATE_WAIT_MS_MAX} ms: the server is busy.`;
  return new RuntimeError("DEADLINE", text, {
    limitMs: GATE_WAIT_MS_MAX,
    retryAfterMs: RETRY_AFTER_MS,
  });
}
