// What is told in memory on its way to its receiver: into the mailbox of an actor that lives here, or
// to the worker that has it. At most once: dropped when its receiver is full or unknown.

import type { Data } from "../actor.ts";
import { type Address, shardOfAddress } from "../address.ts";
import { MAILBOX_MAX } from "./admission.ts";
import type { Cell } from "./cell.ts";
import type { ActorsPort, Engine } from "./engine.ts";
import { ITEM } from "./mailbox.ts";
import type { Pace } from "./pace.ts";
import { Tell } from "./tell.ts";
import type { TurnDraft } from "./turn.ts";

/** Tells of one turn to one receiver on another worker that travel as one item. */
const TELLS_A_RUN = 32;

/** Delivers tells for one ActorHost. */
export class TellDelivery {
  readonly #engine: Engine;
  readonly #host: ActorsPort;
  readonly #pace: Pace;
  /** Who was told last: whoever was told after him the last time is likely to be next. */
  #last: Cell | null = null;

  constructor(engine: Engine, host: ActorsPort) {
    this.#engine = engine;
    this.#host = host;
    this.#pace = engine.pace;
  }

  /** Sends one message. */
  tell(to: Address, from: Address | null, message: Data): void {
    const cell = this.#host.cells.get(to);
    if (cell !== undefined) {
      this.#tellHere(cell, from, message);
      return;
    }
    const shard = shardOfAddress(to);
    if (this.#isHere(shard)) this.#tellHere(this.#host.wake(to, shard), from, message);
    else this.#engine.options.toPeer(shard, { type: "tell", to, from, message });
  }

  /** Sends the tells of a turn, in the order they were asked for. */
  ofTurn(from: Address, draft: TurnDraft): void {
    const { tellTo, tellMessage, told } = draft;
    for (let at = 0; at < told; at += 1) {
      const to = tellTo[at] as Address;
      const last = this.#last;
      let cell = last === null ? null : last.toldNext;
      if (cell === null || cell.address !== to || cell.isGone) {
        cell = this.#host.cells.get(to) ?? null;
        if (cell === null) {
          at = this.#awaken(from, draft, at);
          continue;
        }
        if (last !== null && !last.isGone) last.toldNext = cell;
      }
      this.#last = cell;
      this.#tellHere(cell, from, tellMessage[at]);
    }
  }

  /** Sends a tell whose receiver is not in memory, with those to the same one after it; the last of them. */
  #awaken(from: Address, { tellTo, tellMessage, told }: TurnDraft, first: number): number {
    const to = tellTo[first] as Address;
    const message = tellMessage[first];
    const shard = shardOfAddress(to);
    if (this.#isHere(shard)) {
      this.#tellHere(this.#host.wake(to, shard), from, message);
      return first;
    }
    let end = first + 1;
    const most = Math.min(told, first + TELLS_A_RUN);
    while (end < most && tellTo[end] === to) end += 1;
    const item = { type: "tell", to, from, message } as const;
    const { toPeer } = this.#engine.options;
    toPeer(shard, end - first === 1 ? item : { ...item, more: tellMessage.slice(first + 1, end) });
    return end - 1;
  }

  /** Whether actors of the shard that are not in memory are woken here, or live on another worker. */
  #isHere(shard: number): boolean {
    return this.#engine.epochOf(shard) !== undefined;
  }

  #tellHere(cell: Cell | null, from: Address | null, message: Data): void {
    if (cell === null || !this.#take(cell, from, message)) {
      this.#engine.metrics.count("tellsDropped");
      return;
    }
    if (cell.isQueued) return;
    if (cell.status === "ready") this.#host.order.enter(cell);
    else if (cell.status === "cold") this.#host.load(cell);
  }

  #take({ status, mailbox, definition }: Cell, from: Address | null, message: Data): boolean {
    if (status === "quarantined") return false;
    const max = definition.mailboxMax ?? MAILBOX_MAX;
    const pace = this.#pace;
    if (!pace.isMeasuredTell()) return mailbox.tell(message, from, max);
    return mailbox.tell(new Tell(message, from, pace.tick), ITEM, max);
  }
}
