// Turns of what was told in memory. Most of them write nothing, and such a turn costs no commit, no
// promise and no object beside the message: it has a path of its own, which the whole of
// turn-runner.ts takes over as soon as a turn has written something or has thrown. What is done
// rarely is done in functions of its own, so that the rest is small enough to be compiled as one.

import { performance } from "node:perf_hooks";
import type { Data } from "../actor.ts";
import type { Address } from "../address.ts";
import type { Cell } from "./cell.ts";
import type { ActorsPort, Engine } from "./engine.ts";
import { type Pace, TELLS_A_SAMPLE } from "./pace.ts";
import { Tell } from "./tell.ts";
import { TurnDraft } from "./turn.ts";
import type { TurnRunner } from "./turn-runner.ts";

/** Runs turns of tells for one ActorHost. */
export class TellTurns {
  readonly #engine: Engine;
  readonly #host: ActorsPort;
  readonly #runner: TurnRunner;
  readonly #pace: Pace;
  readonly #handling: ((address: string, door: number) => void) | null;
  #draft: TurnDraft;

  constructor(engine: Engine, host: ActorsPort, runner: TurnRunner) {
    this.#engine = engine;
    this.#host = host;
    this.#runner = runner;
    this.#pace = engine.pace;
    this.#handling = engine.options.handling ?? null;
    this.#draft = this.#newDraft();
  }

  /**
   * Handles what was told to a cell that is ready and names no rows to be read: a message with its
   * sender, in `tell` too when it has an object. Returns whether the turn was light: it has written
   * nothing and has not failed.
   */
  turn(cell: Cell, message: Data, from: Address | null, tell: Tell | null): boolean {
    const pace = this.#pace;
    const draft = this.#draft;
    const handling = this.#handling;
    draft.openTold(cell, from, pace.nowMs);
    if (handling !== null) handling(cell.address, 0);
    let next: Data;
    try {
      next = pace.isSample()
        ? this.#timed(cell, message, draft)
        : cell.definition.receive(cell.state, message, draft);
    } catch (error) {
      this.#failed(cell, tell ?? new Tell(message, from), error);
      return false;
    }
    draft.close();
    if (handling !== null) handling("", 0);
    if (tell !== null && tell.tick >= 0) this.#observeWait(cell, tell);
    if (!draft.isLight || next !== cell.state) {
      this.#draft = this.#newDraft();
      this.#runner.finish(cell, tell ?? new Tell(message, from), draft, next);
      return false;
    }
    cell.metrics.turns += 1;
    cell.lastUsedTick = pace.tick;
    if (draft.told > 0 && tell?.isTold !== true) this.#host.tells.ofTurn(cell.address, draft);
    draft.clear();
    return true;
  }

  /** Calls the handler and measures how long it takes. */
  #timed(cell: Cell, message: Data, draft: TurnDraft): Data {
    const beganMs = performance.now();
    const next = cell.definition.receive(cell.state, message, draft);
    const ms = performance.now() - beganMs;
    const stoodFor = this.#pace.sampled(ms);
    cell.metrics.turnMs.observe(ms, stoodFor);
    const { loads } = this.#engine.options;
    if (loads) loads[cell.shard] = (loads[cell.shard] ?? 0) + ms * stoodFor;
    return next;
  }

  #observeWait(cell: Cell, tell: Tell): void {
    const { queueWaitMs, mailboxDepth } = cell.metrics;
    queueWaitMs.observe(Math.max(0, this.#pace.tick - tell.tick), TELLS_A_SAMPLE);
    mailboxDepth.observe(cell.mailbox.size + 1, TELLS_A_SAMPLE);
  }

  /** The draft goes with the turn that has failed: the next one gets another. */
  #failed(cell: Cell, tell: Tell, error: unknown): void {
    this.#draft.close();
    this.#draft = this.#newDraft();
    this.#handling?.("", 0);
    this.#runner.fail(cell, tell, error);
  }

  #newDraft(): TurnDraft {
    return new TurnDraft(this.#engine.options.random, this.#engine.limits);
  }
}
