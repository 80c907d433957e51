// Conversations that hibernate, many of them. Arguments: "fill" or "wake", folder, conversations and,
// for `fill`, seconds after which it ends with as many as there are.
// `fill` takes the rows of the one conversation in the folder as the server wrote them, and writes
// copies under ids of their own through the storage thread; prints {copies} and {rows, rowBytes} of
// one. `wake` prints {p50, p99} in microseconds from a message's arrival to its handler.

import { defineActor } from "../../runtime/actor.ts";
import { address, SHARDS } from "../../runtime/address.ts";
import { realClock } from "../../runtime/clock.ts";
import { newId } from "../../runtime/id.ts";
import { createKernel } from "../../runtime/kernel/kernel.ts";
import type { WorkerItem } from "../../runtime/message.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { openFolder } from "../../runtime/store/folder.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import type { Row, StoreOp } from "../../runtime/store/store.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";

const [what = "wake", path = "", count = "50000", seconds = "480"] = process.argv.slice(2);
const CONVERSATIONS = Number(count);
/** The store keeps room on the disk for the most its largest transaction might take: not much of it. */
const COPIES_A_BATCH = 100;
const WAKES = 2_000;
const WARM_WAKES = 500;
const DEADLINE_MS = 60_000;
/** The first copy's moment; one more a millisecond later each. */
const FIRST_MS = 1_700_000_000_000;
const ID = /(cv|rn|ms|le)_[0-9a-z]{26}/g;

openFolder(path);
const storage = await startStorage({ path, environments: ["hot"], onDeath: () => process.exit(9) });
const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
const template = await templateRows();
const tenant = /\/(tn_[0-9a-z]{26})\//.exec(template[0]?.key ?? "")?.[1] ?? "";
await (what === "fill" ? fill() : wake());
await store.close();
await storage.close();
process.exit(0);

/** Id of a kind for a copy: the same whenever it is asked for. */
function idOf(prefix: string, copy: number, salt: number): string {
  const random = seeded(copy * 16 + salt);
  return newId(prefix, FIRST_MS + copy, (bytes) =>
    Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)),
  );
}

/** The rows of the first conversation: whatever names it or its run. */
async function templateRows(): Promise<readonly Row[]> {
  const conversations = await store.range({ from: "a/", to: "a/~", limit: 1_000 });
  const root = /cv_[0-9a-z]{26}/.exec(conversations[0]?.key ?? "")?.[0] ?? "";
  // Its messages name the run that answered.
  const own = conversations.filter(({ key }) => key.includes(root));
  const id = own.flatMap((row) => idsIn(row)).find((name) => name.startsWith("rn_")) ?? "";
  if (root === "" || id === "") throw new Error("There is no conversation with a run to copy.");
  const all = await store.range({ from: "a/", to: "~", limit: 10_000 });
  return all.filter(({ key, value }) => {
    const text = `${key} ${JSON.stringify(decode(value))}`;
    return [root, id].some((name) => text.includes(name));
  });
}

/** A row as it is copied: its ids have one length, so that they can be replaced where they lie. */
interface Mould {
  /** Pieces of text, and numbers of ids between them. */
  readonly key: readonly (string | number)[];
  readonly value: Uint8Array;
  readonly places: readonly {
    readonly at: number;
    readonly id: number;
    readonly isText: boolean;
  }[];
}

async function fill(): Promise<void> {
  const names = [...new Set(template.flatMap((row) => idsIn(row)))];
  const moulds = template.map((row) => mouldOf(row, names));
  const endMs = performance.now() + Number(seconds) * 1_000;
  let copies = 0;
  let committed: Promise<unknown> = Promise.resolve();
  while (copies < CONVERSATIONS && performance.now() < endMs) {
    const ops: StoreOp[] = [];
    for (const until = copies + COPIES_A_BATCH; copies < until; copies += 1) {
      const ids = names.map((name, salt) => idOf(name.slice(0, 2), copies, salt));
      if (copies === 0) for (const row of template) check(row, names, ids);
      const bits = ids.map(bitsOf);
      for (const mould of moulds) ops.push(copyOf(mould, ids, bits));
    }
    // The next copies are made while these are written.
    await committed;
    committed = store.commit({ ops }).committed;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await committed;
  const rowBytes = template.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  console.log(JSON.stringify({ copies, rows: template.length, rowBytes }));
}

function idsIn({ key, value }: Row): string[] {
  return `${key} ${JSON.stringify(decode(value))}`.match(ID) ?? [];
}

/** An id as it stands in a value: by its bits; within a longer text by its characters. */
function bitsOf(id: string): Buffer {
  const [, , ...bytes] = encode(id);
  return Buffer.from(bytes);
}

function mouldOf({ key, value }: Row, names: readonly string[]): Mould {
  const bytes = Buffer.from(value);
  const places = names.flatMap((name, id) =>
    [false, true].flatMap((isText) => {
      const found: Mould["places"][number][] = [];
      const part = isText ? Buffer.from(name) : bitsOf(name);
      for (let at = bytes.indexOf(part); at !== -1; at = bytes.indexOf(part, at + 1)) {
        found.push({ at, id, isText });
      }
      return found;
    }),
  );
  const pieces = key.split(/((?:cv|rn|ms|le)_[0-9a-z]{26})/);
  const numbered = pieces.map((piece, at) => (at % 2 === 0 ? piece : names.indexOf(piece)));
  return { key: numbered, value: bytes, places };
}

function copyOf(mould: Mould, ids: readonly string[], bits: readonly Buffer[]): StoreOp {
  let key = "";
  for (const piece of mould.key) key += typeof piece === "string" ? piece : ids[piece];
  const value = Buffer.from(mould.value);
  for (const { at, id, isText } of mould.places) {
    if (isText) value.write(ids[id] ?? "", at, "latin1");
    else bits[id]?.copy(value, at);
  }
  return { op: "put", key, value };
}

/** The copy must read as the row does with its ids replaced. */
function check(row: Row, names: readonly string[], ids: readonly string[]): void {
  const renamed = (text: string): string => text.replace(ID, (id) => ids[names.indexOf(id)] ?? id);
  const copy = copyOf(mouldOf(row, names), ids, ids.map(bitsOf));
  const wanted = [renamed(row.key), renamed(JSON.stringify(decode(row.value)))];
  const found = copy.op === "put" ? [copy.key, JSON.stringify(decode(copy.value))] : [];
  if (found.join() !== wanted.join()) throw new Error(`Copied wrong: ${found} for ${wanted}`);
}

async function wake(): Promise<void> {
  let handledMs = 0;
  const conversation = defineActor<object, null>({
    kind: "conversation",
    version: 1_000_000,
    initial: () => ({}),
    migrate: (state) => state as object,
    receive(state, _, turn) {
      handledMs = performance.now();
      turn.reply(Object.keys(state).length);
      return state;
    },
  });
  const waiting = new Map<number, (item: WorkerItem) => void>();
  const kernel = createKernel({
    worker: 0,
    definitions: [conversation],
    ports: {},
    store,
    clock: realClock,
    random: (bytes) => new Uint8Array(bytes),
    durability: "flushed",
    defer: setImmediate,
    toDoor: (item) => waiting.get(item.id)?.(item),
    toPeer: () => undefined,
  });
  await kernel.own(new Map(Array.from({ length: SHARDS }, (_, shard) => [shard, 1_000_000])));
  const names = [...new Set(template.flatMap((row) => idsIn(row)))];
  const salt = names.findIndex((name) => name.startsWith("cv_"));
  const times = new Float64Array(WAKES);
  for (let at = -WARM_WAKES; at < WAKES; at += 1) {
    // Steps of a large prime: no conversation twice, none beside the one before.
    const copy = ((at + WARM_WAKES) * 7_919) % CONVERSATIONS;
    const to = address({ kind: "conversation", tenant, root: idOf("cv", copy, salt) });
    const answered = new Promise<WorkerItem>((resolve) => waiting.set(at, resolve));
    const beganMs = performance.now();
    const deadlineMs = Date.now() + DEADLINE_MS;
    const ask = { message: null, deadlineMs, want: "reply", level: "memory" } as const;
    kernel.fromDoor([{ type: "request", id: at, to, ...ask }]);
    const answer = await answered;
    if (answer.type !== "reply" || Number(answer.value) < 2) {
      throw new Error(`${to} was not woken: ${JSON.stringify(answer)}`);
    }
    if (at >= 0) times[at] = (handledMs - beganMs) * 1_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort();
  console.log(JSON.stringify({ p50: times[WAKES / 2], p99: times[Math.floor(WAKES * 0.99)] }));
}
