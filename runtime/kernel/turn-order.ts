// Who of one kernel has the next turn: actors stand in a fair queue, and get their turns in slices
// that leave the event loop free between them.

import type { ActorHost } from "./actor-host.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Engine } from "./engine.ts";
import type { Taken } from "./mailbox.ts";
import { RunQueue } from "./run-queue.ts";
import { Tell } from "./tell.ts";
import { TellTurns } from "./tell-turns.ts";
import type { TurnRunner } from "./turn-runner.ts";

/** Turns in a row of one actor that has messages waiting. */
const VISIT_TURNS = 16;
/** Rows after which a visit ends early. */
const VISIT_ROWS = 64;
/** Share of a commit batch that one tenant may fill: another finds room in the one that is open. */
const TENANT_SHARE = 0.5;

/** The order of turns of one ActorHost. */
export class TurnOrder {
  readonly #engine: Engine;
  readonly #host: ActorHost;
  readonly #runner: TurnRunner;
  readonly #tells: TellTurns;
  readonly #queue = new RunQueue<Cell>();
  readonly #taken: Taken<MailItem> = { item: null, message: undefined, from: null };
  /** The open commit batch as the last slice found it. */
  #batch: object | null = null;
  #isScheduled = false;
  #isSlicing = false;
  #isGathering = false;
  readonly #deferred = (): void => {
    this.#isScheduled = false;
    this.slice();
  };

  constructor(engine: Engine, host: ActorHost, runner: TurnRunner) {
    this.#engine = engine;
    this.#host = host;
    this.#runner = runner;
    this.#tells = new TellTurns(engine, host, runner);
  }

  /** Puts a cell into the queue if it has something to do. */
  enqueue(cell: Cell): void {
    if (cell.isQueued || cell.mailbox.size === 0) return;
    if (cell.status !== "ready" && cell.status !== "cold") return;
    cell.isQueued = true;
    this.#queue.push(cell);
    this.#schedule();
  }

  /** Lets turns go on after a commit. */
  resume(): void {
    if (this.#queue.size > 0) this.#schedule();
  }

  /** What comes from here on has its turn in the slice that the host begins itself when all is in. */
  gather(): void {
    this.#isGathering = true;
  }

  /** One slice: turns in fair order until the slice is used up. */
  slice(): void {
    const isFresh = this.#isGathering;
    this.#isGathering = false;
    if (this.#isSlicing || this.#queue.size === 0) return;
    this.#isSlicing = true;
    try {
      this.#turns(isFresh);
    } finally {
      this.#isSlicing = false;
      // When the batch is full, or all have written their share, resume() comes with the next one.
      if (this.#queue.isReady && !this.#engine.committer.isFull) this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isSlicing || this.#isGathering) return;
    this.#isScheduled = true;
    this.#engine.options.defer(this.#deferred);
  }

  /** @param isFresh whether the clock has just been read. */
  #turns(isFresh: boolean): void {
    const { limits, committer, pace, shards } = this.#engine;
    const queue = this.#queue;
    pace.begin(limits.sliceMs, isFresh);
    if (committer.current !== this.#batch) {
      this.#batch = committer.current;
      queue.unpark();
    }
    for (let turns = 0; queue.size > 0 && !committer.isFull; ) {
      if (turns >= limits.sliceTurns || pace.isOver) return;
      const cell = queue.shift();
      if (cell === undefined) return;
      cell.isQueued = false;
      // Of a shard that is leaving: its messages wait to be handed on.
      if (cell.isGone || shards.isLeaving(cell.shard)) continue;
      if (cell.status === "cold") {
        this.#host.load(cell);
        continue;
      }
      const { openRows, openBytes } = committer;
      turns += this.#visit(cell);
      if (committer.openRows > openRows) {
        this.#charge(cell, committer.openRows - openRows, committer.openBytes - openBytes);
      }
      if (cell.mailbox.size > 0) this.enqueue(cell);
    }
  }

  /** Counts what a visit has written against its tenant's share of the batch. */
  #charge({ lane }: Cell, rows: number, bytes: number): void {
    if (lane === null) return;
    const { limits, committer } = this.#engine;
    if (lane.batch !== committer.current) {
      lane.batch = committer.current;
      lane.rows = 0;
      lane.bytes = 0;
    }
    lane.rows += rows;
    lane.bytes += bytes;
    const { batchRows, batchBytes } = limits;
    if (lane.rows >= batchRows * TENANT_SHARE || lane.bytes >= batchBytes * TENANT_SHARE) {
      this.#queue.park(lane);
    }
  }

  /** Some turns of one actor: what it needs is at hand, and the others wait no longer than for one. */
  #visit(cell: Cell): number {
    const { committer, pace } = this.#engine;
    const taken = this.#taken;
    const { reads } = cell.definition;
    const rowsMax = committer.openRows + VISIT_ROWS;
    let isReady = cell.status === "ready";
    let turns = 0;
    while (isReady && turns < VISIT_TURNS && !pace.isOver && cell.mailbox.take(taken)) {
      turns += 1;
      const { item } = taken;
      const isTell = reads === undefined && (item === null || item instanceof Tell);
      // A light turn changes nothing that could keep the next one from following.
      if (isTell && this.#tells.turn(cell, taken, item)) continue;
      if (!isTell) this.#runner.turn(cell, item ?? new Tell(taken.message, taken.from));
      isReady =
        cell.status === "ready" &&
        !cell.isGone &&
        committer.openRows < rowsMax &&
        !committer.isFull;
    }
    return turns;
  }
}
