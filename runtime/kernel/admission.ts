// Who may come in: requests of the door are refused here, before anything of them is acknowledged,
// when the system is stopping, the shard is elsewhere, or a mailbox or a tenant has its fill.

import { shardOfAddress } from "../address.ts";
import { elapsedAt } from "../clock.ts";
import type { ErrorCode, ErrorData } from "../errors.ts";
import type { DoorItem } from "../message.ts";
import { Tally } from "../shared/tally.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { AdmissionPort, Engine } from "./engine.ts";
import { roughBytes } from "./size.ts";
import { storeSend } from "./stored-send.ts";

/** Messages waiting for one actor unless its definition says otherwise. */
export const MAILBOX_MAX = 1_024;
/** What a waiting message takes beside its data. */
const ITEM_BYTES = 256;
const RETRY_AFTER_MS = 1_000;

type Door = NonNullable<MailItem["door"]>;

/** Admission to one kernel. */
export class Admission implements AdmissionPort {
  readonly #engine: Engine;
  /** Bytes of what waits in mailboxes, by tenant: from the door, and sent by actors. */
  readonly #waiting = new Tally();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A request from the door: refused at once, or given to its actor. */
  request(item: DoorItem & { type: "request" }, shard = shardOfAddress(item.to)): void {
    const { id, to, message, deadlineMs, want, level, key, trace } = item;
    const { actors, options, pace } = this.#engine;
    if (this.#engine.epochOf(shard) === undefined) {
      this.moved(item);
      return;
    }
    const door: Door = key ? { id, want, level, key } : { id, want, level };
    const cell = actors.cellFor(to);
    const refusal = this.#refusal(item, cell);
    if (refusal) {
      this.refuse(door, { ...refusal, details: { retryAfterMs: RETRY_AFTER_MS } });
      return;
    }
    if (cell === null) {
      this.refuse(door, { code: "UNKNOWN_KIND", message: `Nobody is called "${to}".` });
      return;
    }
    if (want === "stored" && cell.status === "quarantined") {
      this.refuse(door, this.#engine.quarantine.errorOf(to));
      return;
    }
    if (want === "stored") {
      storeSend(this.#engine, item);
      return;
    }
    const mail: MailItem = {
      message,
      from: null,
      lane: "user",
      deadlineMs,
      lateAtMs: elapsedAt(options.clock, deadlineMs),
      door,
      queuedAt: pace.nowMs,
      bytes: this.entered(cell, roughBytes(message)),
      failures: item.deaths ?? 0,
    };
    actors.push(cell, trace === undefined ? mail : { ...mail, trace });
  }

  /** Sends back what is for another owner by now; nothing of it was done here. */
  moved(item: Exclude<DoorItem, { type: "drop" }>): void {
    if (item.type === "request" && item.want === "nothing") {
      this.#engine.actors.tells.tell(item.to, null, item.message);
      return;
    }
    this.#engine.options.toDoor({ type: "moved", id: item.id });
  }

  /** Answers whatever came from the door with an error. */
  turnAway(item: Exclude<DoorItem, { type: "drop" }>, error: ErrorData): void {
    const want = item.type === "request" ? item.want : item.type === "follow" ? "frames" : "reply";
    this.refuse({ id: item.id, want, level: "memory" }, error);
  }

  /** Answers a request of the door with an error. */
  refuse(door: Door, error: ErrorData): void {
    const { toDoor } = this.#engine.options;
    if (door.want === "nothing") return;
    if (door.want === "frames" || door.want === "end") {
      toDoor({ type: "frames", id: door.id, frames: [{ type: "refused", error }] });
    } else {
      toDoor({ type: "error", id: door.id, error });
    }
  }

  /** A message of so many bytes comes to wait; what it counts as. */
  entered(cell: Cell, dataBytes: number): number {
    const bytes = dataBytes + ITEM_BYTES;
    this.#waiting.add(cell.tenant, bytes);
    return bytes;
  }

  /** A message has left its mailbox for good; said twice, it counts once. */
  left(cell: Cell, item: MailItem): void {
    const { bytes = 0 } = item;
    if (bytes === 0) return;
    item.bytes = 0;
    this.#waiting.add(cell.tenant, -bytes);
  }

  #refusal(
    item: DoorItem & { type: "request" },
    cell: Cell | null,
  ): { code: ErrorCode; message: string } | null {
    if (this.#engine.isDraining)
      return { code: "SHUTTING_DOWN", message: "The server is stopping." };
    const max = cell?.definition.mailboxMax ?? MAILBOX_MAX;
    if (cell && cell.mailbox.userSize >= max) {
      return {
        code: "MAILBOX_FULL",
        message: `"${item.to}" has ${max} messages waiting, its limit.`,
      };
    }
    const { inboxBytesMax } = this.#engine.limits;
    if (cell && this.#waiting.get(cell.tenant) >= inboxBytesMax) {
      const message = `Messages of this tenant of ${inboxBytesMax} bytes are waiting, the limit.`;
      return { code: "INBOX_FULL", message };
    }
    return null;
  }
}
