// Who of one kernel has the next turn: actors stand in a fair queue, and get their turns in slices
// that leave the event loop free between them.

import type { Cell, MailItem } from "./cell.ts";
import type { ActorsPort, Engine } from "./engine.ts";
import { ITEM, type Taken } from "./mailbox.ts";
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
  readonly #host: ActorsPort;
  readonly #runner: TurnRunner;
  readonly #tells: TellTurns;
  readonly #queue: RunQueue<Cell>;
  readonly #taken: Taken = { from: undefined };
  /** The open commit batch as the last slice found it. */
  #batch: object | null = null;
  #isScheduled = false;
  #isSlicing = false;
  #isGathering = false;
  readonly #deferred = (): void => {
    this.#isScheduled = false;
    this.slice();
  };

  constructor(engine: Engine, host: ActorsPort, runner: TurnRunner) {
    this.#engine = engine;
    this.#queue = new RunQueue(engine.options.weightOf);
    this.#host = host;
    this.#runner = runner;
    this.#tells = new TellTurns(engine, host, runner);
  }

  /** Puts a cell into the queue if it has something to do. */
  enqueue(cell: Cell): void {
    if (cell.isQueued || cell.mailbox.size === 0) return;
    if (cell.status !== "ready" && cell.status !== "cold") return;
    this.enter(cell);
  }

  /** Puts a cell into the queue that has something to do and is not in it. */
  enter(cell: Cell): void {
    cell.isQueued = true;
    this.#queue.push(cell);
    if (!this.#isSlicing) this.#schedule();
  }

  /** Whether a message of an actor that has to be wary waits until the batch that brings it is judged. */
  holds(cell: Cell, item: MailItem): boolean {
    const { committer } = this.#engine;
    if (!cell.isWary || item.row?.batch !== committer.current) return false;
    cell.mailbox.putBack(item, item.lane);
    cell.status = "held";
    const goOn = (): void => {
      if (cell.status !== "held" || cell.isGone) return;
      cell.status = "ready";
      this.enqueue(cell);
    };
    committer.join({ shard: cell.shard, onRefused: goOn });
    committer.afterCommitted(goOn);
    return true;
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
    if (this.#isScheduled || this.#isGathering) return;
    this.#isScheduled = true;
    this.#engine.options.defer(this.#deferred);
  }

  /** @param isFresh whether the clock has just been read. */
  #turns(isFresh: boolean): void {
    const { limits, committer, pace, shards, suspended } = this.#engine;
    const queue = this.#queue;
    pace.begin(limits.sliceMs, isFresh);
    if (committer.current !== this.#batch) {
      this.#batch = committer.current;
      queue.unpark();
    }
    if (committer.isFull) return;
    for (let turns = 0; queue.size > 0; ) {
      if (pace.isOver) return;
      if (turns >= limits.sliceTurns) {
        if (!pace.isCheap()) return;
        turns = 0;
      }
      const cell = queue.shift();
      if (cell === undefined) return;
      cell.isQueued = false;
      // Of a shard that is leaving, or a tenant that comes to rest: its messages wait to be handed on.
      if (cell.isGone || shards.isLeaving(cell.shard) || suspended.has(cell.tenant)) continue;
      if (cell.status === "cold") {
        this.#host.load(cell);
        continue;
      }
      const { openRows, openBytes } = committer;
      turns += this.#visit(cell, openRows + VISIT_ROWS);
      const rows = committer.openRows - openRows;
      if (rows > 0) this.#charge(cell, rows, committer.openBytes - openBytes);
      if (cell.mailbox.size > 0) this.enqueue(cell);
      if (rows !== 0 && committer.isFull) return;
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
  #visit(cell: Cell, rowsMax: number): number {
    const { committer, pace } = this.#engine;
    const { mailbox } = cell;
    const taken = this.#taken;
    const isPlain = cell.definition.reads === undefined;
    let turns = 0;
    for (let isReady = cell.status === "ready"; isReady && turns < VISIT_TURNS && !pace.isOver; ) {
      const message = mailbox.take(taken);
      const { from } = taken;
      if (from === undefined) break;
      turns += 1;
      // A light turn changes nothing that could keep the next one from following.
      if (from !== ITEM && isPlain) {
        if (this.#tells.turn(cell, message, from, null)) continue;
      } else if (
        this.#turn(cell, from === ITEM ? (message as MailItem) : new Tell(message, from), isPlain)
      ) {
        continue;
      }
      isReady =
        cell.status === "ready" &&
        !cell.isGone &&
        committer.openRows < rowsMax &&
        !committer.isFull;
    }
    return turns;
  }

  /** A turn of a message that is an object. Returns whether it was light. */
  #turn(cell: Cell, item: MailItem | Tell, isPlain: boolean): boolean {
    if (isPlain && item instanceof Tell) {
      return this.#tells.turn(cell, item.message, item.from, item);
    }
    this.#runner.turn(cell, item);
    return false;
  }
}
