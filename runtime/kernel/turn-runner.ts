// One turn from the message to its answer: loads what the behaviour named, calls the handler, writes
// everything it wished for in one transaction, and decides what becomes of a message that failed.

import { performance } from "node:perf_hooks";
import type { Data, Loaded } from "../actor.ts";
import { addressParts } from "../address.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../errors.ts";
import type { Cell, Due, MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Refused } from "./committer.ts";
import { takeMessage, toldOf } from "./dead-letters.ts";
import type { ActorsPort, Engine } from "./engine.ts";
import { brokenFloor } from "./floors.ts";
import { reminderOf } from "./reminders.ts";
import { endWithoutResult } from "./run-end.ts";
import {
  keyReused,
  letterSeen,
  received,
  remember,
  rememberLetter,
  type SeenRow,
  takeRoom,
} from "./seen-keys.ts";
import { judge } from "./supervise.ts";
import { type Answer, askerOf, NOTHING, TurnDraft, type Wish } from "./turn.ts";
import { storable } from "./turn-check.ts";
import { TurnDone, whenSafe } from "./turn-done.ts";
import { load, readsOf, SEEN } from "./turn-reads.ts";
import { writeUntilStored } from "./until-stored.ts";

/** Runs turns for one ActorHost. */
export class TurnRunner {
  readonly #engine: Engine;
  readonly #host: ActorsPort;
  /** Used for turn after turn as long as they write nothing. */
  #draft: TurnDraft;

  constructor(engine: Engine, host: ActorsPort) {
    this.#engine = engine;
    this.#host = host;
    this.#draft = this.#newDraft();
  }

  /** Handles one message of a cell that is ready. */
  turn(cell: Cell, item: MailItem): void {
    if (this.#host.order.holds(cell, item)) return;
    const { pace } = this.#engine;
    const nowMs = pace.ofTurn();
    cell.metrics.queueWaitMs.observe(Math.max(0, nowMs - (item.queuedAt ?? nowMs)));
    cell.metrics.mailboxDepth.observe(cell.mailbox.size + 1);
    if (item.deadlineMs !== 0 && item.deadlineMs < nowMs && this.#isLate(item)) {
      const message = `The deadline passed ${nowMs - item.deadlineMs} ms before the turn of "${cell.address}".`;
      this.#give(cell, item, new RuntimeError("DEADLINE", message));
      return;
    }
    if (item.due) this.#beginDue(cell, item, item.due);
    else this.#begin(cell, item);
  }

  /** Whether its deadline has passed, or the clock was only set forward while it waited. */
  #isLate({ lateAtMs = 0 }: MailItem): boolean {
    return lateAtMs <= this.#engine.options.clock.elapsed();
  }

  /** The turns before may have replaced or forgotten a reminder that fired: what stands now counts. */
  #beginDue(cell: Cell, item: MailItem, { key, named, atMs }: Due): void {
    const { committer, reminders } = this.#engine;
    const begin = (row: Uint8Array | undefined): void => {
      const reminder = reminderOf(row);
      if (reminder?.at === atMs) this.#begin(cell, { ...item, message: reminder.message });
      else reminders.putOff(0, key); // Its place in time is still to be removed.
    };
    try {
      const row = committer.get(named);
      if (row instanceof Promise) this.#whenLoaded(cell, item, row, begin);
      else begin(row);
    } catch (error) {
      this.fail(cell, item, error);
    }
  }

  #begin(cell: Cell, item: MailItem): void {
    try {
      const requests = readsOf(cell, item);
      if (requests === null) {
        this.#handle(cell, item, NOTHING);
        return;
      }
      const loaded = load(this.#engine.committer, cell, requests);
      if (!(loaded instanceof Promise)) this.#handle(cell, item, loaded);
      else this.#whenLoaded(cell, item, loaded, (found) => this.#handle(cell, item, found));
    } catch (error) {
      this.fail(cell, item, error);
    }
  }

  #whenLoaded<T>(cell: Cell, item: MailItem, loaded: Promise<T>, then: (found: T) => void): void {
    cell.status = "reading";
    cell.taken = item;
    loaded.then(
      (found) => this.#afterRead(cell, () => then(found)),
      (error: unknown) => this.#afterRead(cell, () => this.fail(cell, item, error)),
    );
  }

  /** Answers for the turn whose condition failed. False: it is to be tried again like the others. */
  refuseGuilty(done: TurnDone, { error, batches }: Refused): boolean {
    const { cell, item, draft } = done;
    const floor = draft?.floors.find(({ key }) => key === error.details?.["key"]);
    if (error.code !== "CONDITION_FAILED" || !floor) return false;
    // Its sender sends it again: taken in the batch that brings it then too, it could go on for ever.
    const isSentAgain = item.row !== undefined && batches.has(item.row.batch);
    cell.isWary ||= isSentAgain;
    if (isSentAgain) return false;
    this.#engine.admission.left(cell, item);
    const settle = (owner: Participant): void => this.#refuse(owner, item, cell, floor.otherwise);
    if (item.row || item.due) writeUntilStored(this.#engine, cell.shard, settle);
    else settle(cell);
    return true;
  }

  /** Takes a message that changes nothing: a run that it ends has ended, and whoever waits is told. */
  #refuse(owner: Participant, item: MailItem, cell: Cell, error: ErrorData): void {
    takeMessage(this.#engine.committer, owner, item);
    if (item.endedRun) this.#engine.runs.settleFailed(owner, item.endedRun);
    this.#answerError(owner, item, cell, error);
  }

  #afterRead(cell: Cell, then: () => void): void {
    if (cell.isGone) return;
    const { shards, suspended } = this.#engine;
    // Its shard is leaving, or its tenant comes to rest: the message waits to be handed on.
    if (shards.isLeaving(cell.shard) || suspended.has(cell.tenant)) return;
    cell.status = "ready";
    cell.taken = null;
    this.#engine.pace.read();
    then();
    this.#host.order.enqueue(cell);
  }

  #handle(cell: Cell, item: MailItem, loaded: Loaded): void {
    const seen = loaded[SEEN] as SeenRow | undefined;
    if (seen) {
      this.#again(cell, item, seen);
      return;
    }
    const { options, limits, pace } = this.#engine;
    if (item.failures >= limits.failuresMax) {
      const unit = item.row?.key ?? item.due?.key ?? "";
      this.fail(cell, item, this.#engine.blame.deadly(unit, item.failures));
      return;
    }
    const draft = this.#draft;
    draft.open(cell, item.from, item.deadlineMs, loaded, pace.nowMs);
    options.handling?.(item.row?.key ?? item.due?.key ?? cell.address, item.door?.id ?? 0);
    const beganMs = performance.now();
    let next: Data;
    try {
      next = received(cell, item, draft);
    } catch (error) {
      this.#draft = this.#newDraft();
      this.fail(cell, item, error);
      return;
    } finally {
      draft.close();
      options.handling?.("", 0);
    }
    const turnMs = performance.now() - beganMs;
    cell.metrics.turnMs.observe(turnMs);
    const { loads } = options;
    if (loads) loads[cell.shard] = (loads[cell.shard] ?? 0) + turnMs;
    if (next === cell.state && this.#answersAtOnce(cell, item, draft)) return;
    this.#draft = this.#newDraft();
    this.finish(cell, item, draft, next);
  }

  /**
   * Most questions of the door change nothing: their answer leaves at once, and the draft is used
   * again. False: the turn is to be finished in the way of all others.
   */
  #answersAtOnce(cell: Cell, item: MailItem, draft: TurnDraft): boolean {
    const { committer, options, admission, pace } = this.#engine;
    const { door, row, due, ask, endedRun } = item;
    const isPlain = row === undefined && due === undefined && ask === undefined;
    if (!isPlain || endedRun !== undefined || !draft.isLight) return false;
    if (door === undefined || door.want !== "reply" || door.key !== undefined) return false;
    const { answer } = draft;
    if (answer?.type !== "reply" || answer.follow !== null) return false;
    if (!committer.hasReached(door.level)) return false;
    this.took(cell, pace.tick);
    admission.left(cell, item);
    if (item.isTold !== true) this.#host.tells.ofTurn(cell.address, draft);
    options.toDoor({ type: "reply", id: door.id, value: answer.value });
    draft.clear();
    return true;
  }

  #newDraft(): TurnDraft {
    return new TurnDraft(this.#engine.options.random, this.#engine.limits);
  }

  /** Writes what a turn wished for, and answers. */
  finish(cell: Cell, item: MailItem, draft: TurnDraft, next: Data): void {
    let state: Uint8Array | null;
    try {
      state = storable(this.#engine, { cell, item, draft, next });
    } catch (error) {
      this.fail(cell, item, error);
      return;
    }
    this.took(cell, this.#engine.pace.tick);
    this.#engine.admission.left(cell, item);
    const done = new TurnDone(cell, item, draft);
    if (item.door?.key && draft.answer?.type !== "error") {
      takeRoom(draft, cell.tenant, this.#engine.limits.seenKeysMax);
    }
    const broken = brokenFloor(this.#engine.committer, draft);
    if (broken) this.#refuse(done, item, cell, broken);
    else this.#commit(done, draft, next, state);
  }

  /** A turn has not failed. */
  took(cell: Cell, tick: number): void {
    cell.metrics.turns += 1;
    cell.lastUsedTick = tick;
  }

  /** From here on nothing may throw: the batch has no way back. `state`: the next one, if it is another. */
  #commit(done: TurnDone, draft: TurnDraft, next: Data, state: Uint8Array | null): void {
    const { cell, item } = done;
    const { committer } = this.#engine;
    const isRefusal = draft.answer?.type === "error";
    // First what brought the message: a handler may set the reminder again that has just fired.
    takeMessage(committer, done, item);
    for (const op of draft.ops) committer.write(done, op);
    if (state !== null) {
      cell.state = next;
      committer.write(done, { op: "put", key: cell.stateKey, value: state });
    }
    if (!isRefusal && item.door?.key) {
      const { answer, nowMs } = draft;
      remember(committer, done, { tenant: cell.tenant, key: item.door.key, nowMs, answer });
    }
    if (item.isTold !== true) this.#host.tells.ofTurn(cell.address, draft);
    for (const wish of draft.wishes) this.#grant(done, wish, draft.answer);
    if (item.endedRun) this.#engine.runs.settle(done, item.endedRun, draft, item.endsAs);
    else this.#answer(done, draft.answer);
  }

  #grant(done: TurnDone, wish: Wish, answer: Answer | null): void {
    const { runs, reminders } = this.#engine;
    const { cell } = done;
    switch (wish.type) {
      case "send":
        this.#host.post(done, wish.post);
        return;
      case "tell":
        if (done.item.isTold !== true) this.#host.tells.tell(wish.to, cell.address, wish.message);
        return;
      case "start":
        runs.start(done, {
          id: wish.id,
          spec: wish.spec,
          parent: cell.address,
          trace: done.item.trace,
          ...askerOf(done.item, answer, wish.id),
        });
        return;
      case "release":
        runs.release(done, cell.tenant, wish.id, wish.input);
        return;
      case "cancel":
      case "steer":
      case "decide": {
        const { id, ...control } = wish;
        runs.controls.fromTurn(done, cell.address, id, control);
        return;
      }
      case "remind":
        reminders.add(wish.atMs, wish.key);
        return;
      case "note":
        this.#engine.options.noted?.(wish.name, wish.value);
        return;
    }
  }

  #answer(done: TurnDone, given: Answer | null): void {
    const { cell, item } = done;
    const { options, runs } = this.#engine;
    const answer = given ?? { type: "reply", value: undefined, follow: null };
    if (answer.type === "error") {
      this.#answerError(done, item, cell, answer.error);
      return;
    }
    if (answer.follow === null) this.#replyTo(done, item, cell, { value: answer.value });
    const { door } = item;
    if (!door || door.want === "nothing") return;
    const after = (call: () => void): void => whenSafe(this.#engine.committer, done, door, call);
    if (door.want === "reply") {
      after(() => options.toDoor({ type: "reply", id: door.id, value: answer.value }));
      return;
    }
    const accepted = { type: "accepted", reply: answer.value, run: answer.follow } as const;
    if (answer.follow === null) {
      after(() => options.toDoor({ type: "frames", id: door.id, frames: [accepted] }));
      return;
    }
    const { tenant, root } = addressParts(cell.address);
    const place = { id: door.id, tenant, root, run: answer.follow, endOnly: door.want === "end" };
    after(() => runs.viewers.open({ type: "follow", ...place }, accepted));
  }

  /** A keyed message that was seen before gets the first one's answer. */
  #again(cell: Cell, item: MailItem, seen: SeenRow): void {
    this.#engine.admission.left(cell, item);
    const { door } = item;
    if (!door) return;
    const { options, admission } = this.#engine;
    if (door.key && seen.bodyHash !== door.key.bodyHash) {
      admission.refuse(door, keyReused());
      return;
    }
    const done = new TurnDone(cell, item, null);
    const { committer } = this.#engine;
    committer.join(done);
    // The first one may have come to another worker, and not be flushed yet.
    committer.afterAll(() => {
      done.isAnswered = true;
      if (seen.error) admission.refuse(door, seen.error);
      else if (door.want === "reply")
        options.toDoor({ type: "reply", id: door.id, value: seen.reply });
      else options.toDoor({ type: "elsewhere", id: door.id, reply: seen.reply, run: seen.run });
    });
  }

  #answerError(owner: Participant, item: MailItem, cell: Cell, error: ErrorData): void {
    this.#replyTo(owner, item, cell, { error });
    if (item.door) this.#engine.admission.refuse(item.door, error);
  }

  #replyTo(
    owner: Participant,
    item: MailItem,
    cell: Cell,
    answer: { value?: Data; error?: ErrorData },
  ): void {
    if (!item.ask) return;
    const { run: to, key } = item.ask;
    const message = { type: "reply", key, ...answer };
    const reply = { to, from: cell.address, message, deadlineMs: 0, system: true, late: true };
    this.#host.post(owner, reply);
  }

  /** A turn has thrown: again after a while, or the message is given up. */
  fail(cell: Cell, given: MailItem, cause: unknown): void {
    const { limits, options } = this.#engine;
    const item = endWithoutResult(given, cause) ?? given;
    item.failures += 1;
    cell.metrics.turnFailures += 1;
    const isHopeless = item === given && toErrorData(cause).code === "TURN_TOO_LARGE";
    const failures = isHopeless ? limits.failuresMax : item.failures;
    const jitter = (options.random(1)[0] ?? 0) / 255;
    const strategy = cell.definition.strategy ?? "restart";
    const verdict = judge(strategy, failures, limits.failuresMax, jitter);
    if (verdict.memory === "reload" || verdict.memory === "forget") {
      cell.status = "cold";
      cell.metrics.restarts += 1;
    }
    if (verdict.message === "dead-letter") {
      this.#give(cell, item, cause);
      if (verdict.memory === "quarantine") this.#engine.quarantine.put(cell, "failures", cause);
      return;
    }
    cell.mailbox.putBack(item, item.lane);
    const after = cell.status;
    cell.status = "held";
    options.clock.after(verdict.delayMs, () => {
      if (cell.status !== "held") return;
      cell.status = after;
      this.#host.order.enqueue(cell);
    });
  }

  /** Gives a message up: a dead letter, and an error for whoever waits. */
  #give(cell: Cell, item: MailItem, cause: unknown): void {
    const { admission, committer, letters, runs, options } = this.#engine;
    const { door } = item;
    const told = toldOf(item, cause);
    const seen = letterSeen(cell, item, told, options.clock.now());
    admission.left(cell, item);
    letters.setAside(cell.address, item, cause, (owner, refused) => {
      if (seen) rememberLetter(committer, owner, seen, refused);
      if (item.endedRun) runs.settleFailed(owner, item.endedRun);
      this.#replyTo(owner, item, cell, { error: told });
      if (!door) return;
      // Whoever hears of the letter must find it, after a crash too.
      if (door.level === "memory") admission.refuse(door, told);
      else committer.after(door.level, () => admission.refuse(door, told));
    });
  }
}
