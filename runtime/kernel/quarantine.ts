// Actors that were stopped because their stored state cannot be read, or because they failed for good
// and their strategy escalates. Each is a row, so that a restart finds it stopped; its stored messages
// stay where they are, whoever waits gets an error, and an operator releases it after a repair.

import { type Address, addressParts, shardOfAddress } from "../address.ts";
import { type ErrorData, isInside, RuntimeError, toErrorData } from "../errors.ts";
import type { DoorItem, InboxRow } from "../message.ts";
import { decode, encode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import type { Quarantined } from "../system.ts";
import { stateFrom } from "./activation.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Engine, QuarantinePort } from "./engine.ts";
import { writeUntilStored } from "./until-stored.ts";

const PAGE_ROWS = 1_000;
const RETRY_AFTER_MS = 1_000;

/** The quarantined actors of one kernel. */
export class Quarantine implements QuarantinePort {
  readonly #engine: Engine;
  readonly #rows = new Map<Address, Quarantined>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#rows.size;
  }

  has(address: Address): boolean {
    return this.#rows.size > 0 && this.#rows.has(address);
  }

  /** What whoever speaks to this actor is told; the list of the operator has all of it. */
  errorOf(address: Address): ErrorData {
    const error = this.#rows.get(address)?.error;
    const why = error === undefined || isInside(error) ? "." : `: ${error.message}`;
    return { code: "QUARANTINED", message: `"${address}" is quarantined${why}` };
  }

  /** Reads which actors of these shards were stopped before. Before anything is handed to them. */
  async read(shards: ReadonlySet<number>): Promise<void> {
    for (const { value } of await this.#all(keys.quarantined)) {
      const row = decode(value) as Quarantined;
      if (shards.has(shardOfAddress(row.address))) this.#rows.set(row.address, row);
    }
  }

  forget(isGone: (shard: number) => boolean): void {
    for (const address of [...this.#rows.keys()]) {
      if (isGone(shardOfAddress(address))) this.#rows.delete(address);
    }
  }

  /** Stops an actor. Its waiting messages are told; those that are stored stay. */
  put(cell: Cell, why: Quarantined["why"], cause: unknown): void {
    const { options, metrics } = this.#engine;
    const { address } = cell;
    cell.status = "quarantined";
    metrics.count("quarantined");
    const row: Quarantined = { address, why, error: toErrorData(cause), at: options.clock.now() };
    this.#rows.set(address, row);
    const op = { op: "put", key: keys.quarantine(address), value: encode(row) } as const;
    const write = (owner: Participant): void => this.#engine.committer.write(owner, op);
    writeUntilStored(this.#engine, cell.shard, write);
    for (const item of cell.mailbox.drain()) this.turnAway(cell, item);
  }

  /** Tells whoever waits that this actor is stopped. */
  turnAway(cell: Cell, item: MailItem): void {
    const { admission, actors } = this.#engine;
    const error = this.errorOf(cell.address);
    admission.left(cell, item);
    if (item.door) admission.refuse(item.door, error);
    if (!item.ask) return;
    const { run: to, key } = item.ask;
    const message = { type: "reply", key, error };
    const reply = { to, from: cell.address, message, deadlineMs: 0, system: true, late: true };
    const post = (owner: Participant): void => actors.post(owner, reply);
    writeUntilStored(this.#engine, cell.shard, post, item.row?.batch);
  }

  /** Releases an actor whose state can be read again; its kept messages are handled in their order. */
  operate(item: DoorItem & { readonly type: "operate" }): void {
    const { options } = this.#engine;
    this.#release(item).catch((error: unknown) =>
      options.toDoor({ type: "error", id: item.id, error: toErrorData(error) }),
    );
  }

  async #release(item: DoorItem & { readonly type: "operate" }): Promise<void> {
    const { committer, actors, actorKinds, reminders, metrics, options, epochOf } = this.#engine;
    const { id, to } = item;
    const shard = shardOfAddress(to);
    const definition = actorKinds.get(addressParts(to).kind);
    if (!this.#rows.has(to) || definition === undefined) throw notQuarantined(to);
    stateFrom(definition, to, await committer.get(keys.state(to)));
    const kept = (await this.#all(keys.inboxOf(to))).map(({ key, value }) => {
      const message = decode(value) as InboxRow;
      return { message, at: { key, batch: message } };
    });
    if (epochOf(shard) === undefined) {
      throw new RuntimeError("WORKER_LOST", "This part of the system is moving.", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    if (!this.#rows.delete(to)) throw notQuarantined(to);
    metrics.count("quarantineReleased");
    writeUntilStored(this.#engine, shard, (owner) => {
      committer.write(owner, { op: "remove", key: keys.quarantine(to) });
      committer.after("flushed", () => options.toDoor({ type: "reply", id, value: null }));
    });
    const stopped = actors.cells.get(to);
    if (stopped) actors.drop(stopped);
    for (const { message, at } of kept) actors.stored(to, message, at);
    await reminders.look(shard);
  }

  async #all(prefix: string): Promise<readonly Row[]> {
    const range = prefixRange(prefix, PAGE_ROWS);
    const all: Row[] = [];
    for (let from = range.from; ; ) {
      const rows = await this.#engine.committer.range({ ...range, from });
      all.push(...rows);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return all;
      from = `${last.key}!`;
    }
  }
}

function notQuarantined(address: Address): RuntimeError {
  return new RuntimeError("NOT_FOUND", `"${address.slice(0, 200)}" is not quarantined.`);
}
