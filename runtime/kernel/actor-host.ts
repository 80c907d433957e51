// The actors of one kernel: finds or wakes the cell a message is for, and lets idle actors go. Who
// has the next turn is turn-order.ts; what happens inside a turn is turn-runner.ts.

import { type Address, addressParts, kindOfAddress, shardOfAddress } from "../address.ts";
import { elapsedAt } from "../clock.ts";
import { type ErrorData, isStorageTrouble, RuntimeError, toErrorData } from "../errors.ts";
import { rootRunOf } from "../frame.ts";
import type { InboxRow } from "../message.ts";
import { decode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import { stateFrom } from "./activation.ts";
import { Cell, type Due, type MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Refused } from "./committer.ts";
import { type ActorsPort, type Engine, whenRead } from "./engine.ts";
import { Found, peerItem } from "./found.ts";
import { makeRow, type Post } from "./post.ts";
import { roughBytes } from "./size.ts";
import { TellDelivery } from "./tell-delivery.ts";
import { TurnDone } from "./turn-done.ts";
import { TurnOrder } from "./turn-order.ts";
import { TurnRunner } from "./turn-runner.ts";

const IDLE_MS = 30_000;
const SWEEP_MS = 5_000;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The actors of one kernel. */
export class ActorHost implements ActorsPort {
  readonly #engine: Engine;
  readonly #runner: TurnRunner;
  readonly cells = new Map<Address, Cell>();
  /** Rows found by looking into inboxes, whose wake-ups may still come. */
  readonly #found: Found;
  /** Messages in memory. */
  readonly tells: TellDelivery;
  /** In which order they get their turns. */
  readonly order: TurnOrder;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#runner = new TurnRunner(engine, this);
    this.tells = new TellDelivery(engine, this);
    this.order = new TurnOrder(engine, this, this.#runner);
    this.#found = new Found(engine.options.clock);
    this.#sweepLater();
  }

  /** Puts a durable message into its receiver's inbox, in the open batch. */
  post(owner: Participant, post: Post): void {
    const { to } = post;
    const { committer } = this.#engine;
    const { row, value } = post.made ?? makeRow(post);
    const sequence = this.#engine.sequence(owner.shard);
    const key = keys.inbox(to, sequence);
    const batch = committer.current;
    committer.write(owner, { op: "put", key, value });
    this.#engine.metrics.counters.sends += 1;
    const shard = shardOfAddress(to);
    const isHere = this.#engine.epochOf(shard) !== undefined;
    if (isHere && !post.late && !this.#engine.blame.isSuspect(to)) {
      this.arrive(to, shard, row, { key, batch });
      return;
    }
    committer.afterCommitted(() => this.arrive(to, shard, row, { key, batch }));
  }

  /** The wake-up of a message whose row is on disk, or goes there with the open batch. */
  arrive(to: Address, shard: number, row: InboxRow, at: { key: string; batch: object }): void {
    const { shards, options, committer } = this.#engine;
    // Its next owner finds it, should it still be there.
    if (this.#found.takes(at.key)) return;
    if (shards.servedAt(shard) === undefined) {
      options.toPeer(shard, peerItem(to, row, at.key));
    } else if (shards.isBeingTaken(shard)) {
      shards.whenTaken(shard, () => {
        // Refused meanwhile, it comes again from its sender.
        if (!committer.wasRefused(at.batch)) this.arrive(to, shard, row, at);
      });
    } else {
      this.stored(to, row, at);
    }
  }

  /** A stored message has come. */
  stored(to: Address, row: InboxRow, at: { key: string; batch: object }): void {
    if (this.#engine.suspended.hasAddress(to)) return; // It lies in the inbox.
    const queuedAt = this.#engine.options.clock.now();
    const { message, from, deadlineMs, ask, trace, past } = row;
    const lane = row.system ? "system" : "user";
    const endedRun = endedRunOf(row);
    const item: Mutable<MailItem> = {
      message,
      from,
      lane,
      deadlineMs,
      row: at,
      queuedAt,
      failures: this.#engine.blame.deathsOf(at.key),
    };
    if (deadlineMs !== 0) item.lateAtMs = elapsedAt(this.#engine.options.clock, deadlineMs);
    if (ask) item.ask = ask;
    if (endedRun) item.endedRun = endedRun;
    if (trace) item.trace = trace;
    if (past) item.past = past;
    if (addressParts(to).path !== "") {
      this.#engine.runs.controls.deliver(to, item);
      return;
    }
    const cell = this.cellFor(to);
    if (cell) {
      if (lane === "user") item.bytes = this.#engine.admission.entered(cell, roughBytes(message));
      this.push(cell, item);
    } else
      this.#engine.letters.setAside(
        to,
        item,
        new RuntimeError("UNKNOWN_KIND", `Nobody is called "${to}".`),
      );
  }

  /**
   * A row of the inbox was found by a scan: it waits here already, or it is taken now and its wake-up
   * is not. One that cannot be read stops its actor.
   */
  found(to: Address, row: Row): void {
    if (this.#engine.suspended.hasAddress(to)) return;
    // Written here and not committed yet, it may still be refused, and comes again then.
    const batch = this.#engine.committer.batchOf(row.key);
    // What a run is told reaches it when it is committed, by its wake-up.
    if (batch !== null && addressParts(to).path !== "") return;
    if (this.#isWaiting(to, row.key)) return;
    let message: InboxRow;
    try {
      message = decode(row.value) as InboxRow;
    } catch (error) {
      this.#engine.metrics.count("rowsUnreadable");
      const cell = this.cellFor(to);
      if (cell && cell.status !== "quarantined")
        this.#engine.quarantine.put(cell, "message", error);
      return;
    }
    this.#found.add(row.key);
    this.stored(to, message, { key: row.key, batch: batch ?? row });
  }

  /** A run has read a row of its inbox itself: its wake-up, should it still come, is not taken. */
  foundByRun(key: string): void {
    this.#found.add(key);
  }

  /** A reminder's message has come due. */
  due(to: Address, message: unknown, due: Due): void {
    const cell = this.cellFor(to);
    const queuedAt = this.#engine.options.clock.now();
    const isIt = (item: MailItem | null): boolean => item?.due?.key === due.key;
    // Looked at again while it waits for its turn: it comes once.
    if (cell && !isIt(cell.taken) && !cell.mailbox.some(isIt)) {
      this.push(cell, {
        message,
        from: to,
        lane: "user",
        deadlineMs: 0,
        due,
        queuedAt,
        failures: this.#engine.blame.deathsOf(due.key),
      });
    }
  }

  /** Whether the message of an inbox row waits for its turn here. */
  #isWaiting(to: Address, key: string): boolean {
    const cell = this.cells.get(to);
    if (!cell) return false;
    return (
      cell.taken?.row?.key === key || cell.mailbox.some((item: MailItem) => item.row?.key === key)
    );
  }

  /** Repairs memory after a refused batch: actors that took part start again from what is stored. */
  repair(refused: Refused, isLost: (shard: number) => boolean): void {
    const again = new Map<Address, MailItem[]>();
    const wary = new Set<Address>();
    for (const participant of refused.participants) {
      if (!(participant instanceof TurnDone)) {
        participant.onRefused?.(refused.error, refused.batches);
        continue;
      }
      if (participant.isAnswered) continue;
      const { cell, item } = participant;
      const items = again.get(cell.address) ?? [];
      again.set(cell.address, items);
      const isGuilty = participant === refused.guilty;
      if (isGuilty && this.#runner.refuseGuilty(participant, refused)) continue;
      if (isLost(cell.shard)) {
        this.#handOn(cell, item);
        continue;
      }
      if (cell.isWary) wary.add(cell.address);
      if (isStorageTrouble(refused.error.code)) {
        if (item.door) this.#engine.admission.refuse(item.door, toErrorData(refused.error));
        if (!(item.row || item.due)) continue;
      }
      // At most once: what it told has left before its batch was judged.
      if (participant.hasTold) item.isTold = true;
      if (this.#isKept(item, refused)) items.push(item);
    }
    for (const [address, cell] of [...this.cells]) {
      if (isLost(cell.shard)) continue; // Forgotten right after this.
      const waiting = again.get(address);
      const kept: MailItem[] = [];
      for (const item of cell.mailbox.drain()) {
        if (this.#isKept(item, refused)) kept.push(item);
        else this.#engine.admission.left(cell, item);
      }
      const { taken } = cell;
      const isTakenKept = taken === null || this.#isKept(taken, refused);
      if (waiting === undefined && isTakenKept) {
        for (const item of kept) cell.mailbox.push(item, laneOf(cell, item));
        continue;
      }
      // What was being read for is read for again, if it still stands, by the actor that takes this
      // one's place.
      if (taken && isTakenKept) kept.unshift(taken);
      else if (taken) this.#engine.admission.left(cell, taken);
      if (cell.isWary) wary.add(address);
      this.drop(cell);
      again.set(address, [...(waiting ?? []), ...kept]);
    }
    // Some left memory before their turns were judged: they come back like the others.
    for (const [address, items] of again) {
      const isWary = wary.has(address);
      const cell = isWary || items.length > 0 ? this.cellFor(address) : null;
      if (cell === null) continue;
      cell.isWary ||= isWary;
      for (const item of items) this.push(cell, item);
    }
  }

  /**
   * Whether a message may still stand after a refusal. One whose row was refused comes again from its
   * sender; a reminder's row is looked at when its turn comes.
   */
  #isKept({ row }: MailItem, refused: Refused): boolean {
    return row === undefined || !refused.batches.has(row.batch);
  }

  /** Forgets every actor of the given shards; what lies only in memory goes to their next owner. */
  forget(isGone: (shard: number) => boolean): void {
    for (const cell of [...this.cells.values()]) {
      if (!isGone(cell.shard)) continue;
      this.drop(cell);
      if (cell.taken) this.#handOn(cell, cell.taken);
      for (const item of cell.mailbox.drain()) this.#handOn(cell, item);
    }
  }

  /** Forgets every actor of a tenant: what is stored stays, whoever waits at the door is told. */
  forgetTenant(tenant: string, error: ErrorData): void {
    const { admission } = this.#engine;
    for (const cell of [...this.cells.values()]) {
      if (cell.tenant !== tenant) continue;
      this.drop(cell);
      const items: (MailItem | null)[] = [cell.taken, ...cell.mailbox.drain()];
      for (const item of items) {
        if (item === null) continue;
        admission.left(cell, item);
        if (item.door) admission.refuse(item.door, error);
      }
    }
  }

  #handOn(cell: Cell, item: MailItem): void {
    this.#engine.admission.left(cell, item);
    if (item.row || item.due) return; // On disk: its next owner finds it.
    const { toDoor, toPeer } = this.#engine.options;
    if (item.door && item.door.want !== "nothing") {
      toDoor({ type: "moved", id: item.door.id });
    } else {
      const { from, message } = item;
      toPeer(cell.shard, { type: "tell", to: cell.address, from, message });
    }
  }

  /** Gives a cell a message. */
  push(cell: Cell, item: MailItem): void {
    if (cell.status === "quarantined") {
      this.#engine.quarantine.turnAway(cell, item);
      return;
    }
    cell.mailbox.push(item, laneOf(cell, item));
    if (cell.status === "cold") this.load(cell);
    else this.order.enqueue(cell);
  }

  /** The cell of an address, woken if need be; null when its kind is unknown. */
  cellFor(address: Address): Cell | null {
    return this.cells.get(address) ?? this.wake(address, shardOfAddress(address));
  }

  /** A cell for an address that has none; null for an unknown kind and a suspended tenant. */
  wake(address: Address, shard: number): Cell | null {
    const definition = this.#engine.actorKinds.get(kindOfAddress(address));
    if (!definition || this.#engine.suspended.hasAddress(address)) return null;
    const metrics = this.#engine.metrics.kind(definition.kind);
    const cell = new Cell(address, definition, metrics, shard, this.#engine.pace.tick);
    if (this.#engine.quarantine.has(address)) cell.status = "quarantined";
    this.cells.set(address, cell);
    return cell;
  }

  /** Takes an actor out of memory; what was under way of it is left alone. */
  drop(cell: Cell): void {
    cell.isGone = true;
    cell.toldNext = null;
    this.cells.delete(cell.address);
  }

  /** Reads the state of a cell that is cold. */
  load(cell: Cell): void {
    cell.status = "loading";
    cell.metrics.activations += 1;
    try {
      const done = whenRead(this.#engine.committer.get(keys.state(cell.address)), (bytes) =>
        this.#loaded(cell, bytes),
      );
      if (done instanceof Promise) {
        done.catch((error: unknown) => this.#engine.quarantine.put(cell, "state", error));
      }
    } catch (error) {
      this.#engine.quarantine.put(cell, "state", error);
    }
  }

  #loaded(cell: Cell, bytes: Uint8Array | undefined): void {
    cell.state = stateFrom(cell.definition, cell.address, bytes);
    cell.status = "ready";
    this.order.enqueue(cell);
  }

  #sweepLater(): void {
    this.#engine.options.clock.after(SWEEP_MS, () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const { pace } = this.#engine;
    pace.read();
    const over = this.cells.size - this.#engine.limits.cellsMax;
    let spared = 0;
    for (const cell of this.cells.values()) {
      if (!cell.isIdle) continue;
      const idleMs = cell.definition.idleMs ?? IDLE_MS;
      if (pace.tick - cell.lastUsedTick < idleMs && spared >= over) continue;
      spared += 1;
      this.drop(cell);
      // Whoever remembers having told it keeps no state alive.
      cell.state = undefined;
      cell.metrics.hibernations += 1;
    }
  }
}

/** The end of a run overtakes what others have sent, but not what the run and its child runs have. */
function laneOf({ mailbox, taken }: Cell, item: MailItem): MailItem["lane"] {
  const { endedRun, lane } = item;
  if (endedRun === undefined || (taken === null && mailbox.userSize === 0)) return lane;
  const isOfRun = ({ from }: Pick<MailItem, "from">): boolean =>
    from !== null && rootRunOf(from.slice(from.lastIndexOf("/") + 1)) === endedRun;
  return (taken !== null && isOfRun(taken)) || mailbox.some(isOfRun) ? "user" : lane;
}

function endedRunOf(row: InboxRow): string | undefined {
  const message = row.message as { type?: unknown; run?: unknown } | null;
  const isEnd = row.system && row.from !== null && message?.type === "run-ended";
  return isEnd ? String(message?.run) : undefined;
}
