// Turns of what was told in memory. Most of them write nothing, and such a turn costs no commit, no
// promise and no object beside the message: it has a path of its own, which the whole of
// turn-runner.ts takes over as soon as a turn has written something or has thrown.

import type { Data, Loaded } from "./actor.ts";
import type { ActorHost } from "./actor-host.ts";
import type { Cell, Tell } from "./cell.ts";
import type { Engine } from "./engine.ts";
import { TurnDraft } from "./turn.ts";
import type { TurnRunner } from "./turn-runner.ts";

const NOTHING: Loaded = Object.freeze({});

/** Runs turns of tells for one ActorHost. */
export class TellTurns {
  readonly #engine: Engine;
  readonly #host: ActorHost;
  readonly #runner: TurnRunner;
  #draft: TurnDraft;

  constructor(engine: Engine, host: ActorHost, runner: TurnRunner) {
    this.#engine = engine;
    this.#host = host;
    this.#runner = runner;
    this.#draft = this.#newDraft();
  }

  /** Handles a tell of a cell that is ready and names no rows to be read. */
  turn(cell: Cell, tell: Tell): void {
    const { pace, options } = this.#engine;
    const draft = this.#draft;
    const isSample = pace.isSample();
    const beganMs = isSample ? performance.now() : 0;
    draft.open(cell, tell, NOTHING, pace.nowMs);
    options.handling?.(cell.address, 0);
    let next: Data;
    try {
      next = cell.definition.receive(cell.state, tell.message, draft);
    } catch (error) {
      this.#heavy(draft);
      this.#runner.fail(cell, tell, error);
      return;
    } finally {
      options.handling?.("", 0);
    }
    draft.close();
    if (isSample) {
      const ms = performance.now() - beganMs;
      const stoodFor = pace.sampled(ms);
      const { turnMs, queueWaitMs, mailboxDepth } = cell.metrics;
      turnMs.observe(ms, stoodFor);
      const { loads } = options;
      if (loads) loads[cell.shard] = (loads[cell.shard] ?? 0) + ms * stoodFor;
      queueWaitMs.observe(Math.max(0, pace.tick - tell.tick), stoodFor);
      mailboxDepth.observe(cell.mailbox.size + 1, stoodFor);
    }
    if (draft.isLight && next === cell.state) {
      this.#runner.took(cell, pace.tick);
      this.#host.deliver(cell.address, draft);
      draft.clear();
    } else {
      this.#heavy(draft);
      this.#runner.finish(cell, tell, draft, next);
    }
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
