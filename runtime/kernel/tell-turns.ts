// Turns of what was told in memory. Most of them write nothing, and such a turn costs no commit, no
// promise and no object beside the message: it has a path of its own, which the whole of
// turn-runner.ts takes over as soon as a turn has written something or has thrown.

import type { Data } from "../actor.ts";
import type { ActorHost } from "./actor-host.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Engine } from "./engine.ts";
import type { Taken } from "./mailbox.ts";
import { type Pace, TELLS_A_SAMPLE } from "./pace.ts";
import { Tell } from "./tell.ts";
import { NOTHING, TurnDraft } from "./turn.ts";
import type { TurnRunner } from "./turn-runner.ts";

/** Runs turns of tells for one ActorHost. */
export class TellTurns {
  readonly #engine: Engine;
  readonly #host: ActorHost;
  readonly #runner: TurnRunner;
  readonly #pace: Pace;
  readonly #handling: ((address: string, door: number) => void) | null;
  #draft: TurnDraft;

  constructor(engine: Engine, host: ActorHost, runner: TurnRunner) {
    this.#engine = engine;
    this.#host = host;
    this.#runner = runner;
    this.#pace = engine.pace;
    this.#handling = engine.options.handling ?? null;
    this.#draft = this.#newDraft();
  }

  /**
   * Handles what was told to a cell that is ready and names no rows to be read: the message of
   * `taken`, or `tell` when it has an object. Returns whether the turn was light: it has written
   * nothing and has not failed.
   */
  turn(cell: Cell, taken: Taken<MailItem>, tell: Tell | null): boolean {
    const pace = this.#pace;
    const draft = this.#draft;
    const handling = this.#handling;
    const message = tell === null ? taken.message : tell.message;
    const from = tell === null ? taken.from : tell.from;
    const isSample = pace.isSample();
    const beganMs = isSample ? performance.now() : 0;
    draft.open(cell, from, 0, NOTHING, pace.nowMs);
    if (handling !== null) handling(cell.address, 0);
    let next: Data;
    try {
      next = cell.definition.receive(cell.state, message, draft);
    } catch (error) {
      this.#heavy(draft);
      this.#runner.fail(cell, tell ?? new Tell(message, from), error);
      return false;
    } finally {
      if (handling !== null) handling("", 0);
    }
    draft.close();
    if (isSample) {
      const ms = performance.now() - beganMs;
      const stoodFor = pace.sampled(ms);
      cell.metrics.turnMs.observe(ms, stoodFor);
      const { loads } = this.#engine.options;
      if (loads) loads[cell.shard] = (loads[cell.shard] ?? 0) + ms * stoodFor;
    }
    if (tell !== null && tell.tick >= 0) {
      const { queueWaitMs, mailboxDepth } = cell.metrics;
      queueWaitMs.observe(Math.max(0, pace.tick - tell.tick), TELLS_A_SAMPLE);
      mailboxDepth.observe(cell.mailbox.size + 1, TELLS_A_SAMPLE);
    }
    if (!draft.isLight || next !== cell.state) {
      this.#heavy(draft);
      this.#runner.finish(cell, tell ?? new Tell(message, from), draft, next);
      return false;
    }
    this.#runner.took(cell, pace.tick);
    if (draft.told > 0 && tell?.isTold !== true) this.#host.deliver(cell.address, draft);
    draft.clear();
    return true;
  }

  /** This draft goes with its turn: the next one gets another. */
  #heavy(draft: TurnDraft): void {
    draft.close();
    this.#draft = this.#newDraft();
  }

  #newDraft(): TurnDraft {
    return new TurnDraft(this.#engine.options.random, this.#engine.limits);
  }
}
