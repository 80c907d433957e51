// Durable messages from outside: acknowledged when their row is on disk. One with a key leaves one
// row however often it comes: by its client, or by the door when a thread died before it answered.

import { shardOfAddress, tenantOfAddress } from "../address.ts";
import { type ErrorData, isStorageTrouble, toErrorData } from "../errors.ts";
import type { DoorItem, MessageKey } from "../message.ts";
import { decode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Participant } from "./commit-batch.ts";
import { type Engine, whenRead } from "./engine.ts";
import { brokenFloor } from "./floors.ts";
import { makeRow, type Post } from "./post.ts";
import { keyReused, remember, type SeenRow, takeRoom } from "./seen-keys.ts";
import type { TurnDraft } from "./turn.ts";

/** A batch that has so many bytes takes no more messages from outside: with a turn it must still fit. */
const BATCH_BYTES = 8 * 1024 * 1024;

type Sent = DoorItem & { readonly type: "request" };

/** Stores a message and answers, once it is known whether it was stored before. */
export function storeSend(engine: Engine, item: Sent): void {
  const { to, key } = item;
  const { committer } = engine;
  if (committer.openBytes >= BATCH_BYTES) {
    committer.afterOpened(() => engine.admission.request(item));
    return;
  }
  try {
    if (key === undefined) {
      store(engine, item);
      return;
    }
    const seen = committer.get(keys.seen(tenantOfAddress(to), key.source, key.key));
    const done = whenRead(seen, (bytes) => storeKeyed(engine, item, key, bytes));
    if (done instanceof Promise) done.catch((error: unknown) => refuse(engine, item, error));
  } catch (error) {
    refuse(engine, item, error);
  }
}

function storeKeyed(
  engine: Engine,
  item: Sent,
  key: MessageKey,
  bytes: Uint8Array | undefined,
): void {
  const { admission, committer, epochOf, limits, options } = engine;
  if (epochOf(shardOfAddress(item.to)) === undefined) {
    admission.moved(item);
    return;
  }
  if (bytes !== undefined) {
    again(engine, item, decode(bytes) as SeenRow);
    return;
  }
  const tenant = tenantOfAddress(item.to);
  const room: Pick<TurnDraft, "ops" | "floors"> = { ops: [], floors: [] };
  takeRoom(room, tenant, limits.seenKeysMax);
  const full = brokenFloor(committer, room);
  if (full) {
    answer(engine, item, full);
    return;
  }
  const nowMs = options.clock.now();
  store(engine, item, {
    write(owner) {
      for (const op of room.ops) committer.write(owner, op);
      remember(committer, owner, { tenant, key, nowMs, answer: null });
    },
    broken: (of) => room.floors.find((floor) => floor.key === of)?.otherwise,
  });
}

/** It came before: acknowledged when what was stored then is flushed, by whichever thread. */
function again(engine: Engine, item: Sent, seen: SeenRow): void {
  const { admission, committer } = engine;
  const error = seen.bodyHash === item.key?.bodyHash ? seen.error : keyReused();
  if (error) {
    answer(engine, item, error);
    return;
  }
  let isAnswered = false;
  const onRefused = (): void => {
    if (!isAnswered) admission.request(item);
  };
  committer.join({ shard: shardOfAddress(item.to), onRefused });
  committer.afterAll(() => {
    isAnswered = true;
    answer(engine, item);
  });
}

/** `keyed`: what is written with it, and what its sender is told when a counter's floor is broken. */
function store(
  engine: Engine,
  item: Sent,
  keyed?: {
    write(owner: Participant): void;
    broken(counter: unknown): ErrorData | undefined;
  },
): void {
  const { actors, admission, committer } = engine;
  const { to, message, deadlineMs, level, trace } = item;
  const post: Post = { to, from: null, message, deadlineMs, trace, late: true };
  post.made = makeRow(post);
  let isStored = false;
  const owner: Participant = {
    shard: shardOfAddress(to),
    // Somebody else's fault, or the shard has gone: asked again, it is stored or refused.
    onRefused: (error) => {
      if (isStored) return;
      const broken = keyed?.broken(error.details?.["key"]);
      if (broken) answer(engine, item, broken);
      else if (!isStorageTrouble(error.code)) admission.request(item);
      else refuse(engine, item, error);
    },
  };
  keyed?.write(owner);
  // A message that kills its thread must be found on disk by the next owner, to be counted.
  actors.post(owner, post);
  committer.after(level === "memory" ? "committed" : level, () => {
    isStored = true;
    answer(engine, item);
  });
}

function refuse(engine: Engine, item: Sent, error: unknown): void {
  answer(engine, item, toErrorData(error));
}

function answer({ options }: Engine, { id }: Sent, error?: ErrorData): void {
  options.toDoor(error ? { type: "error", id, error } : { type: "reply", id, value: null });
}
