// How long a hibernated actor takes from its message's arrival in the worker to its handler, its
// state read from disk. Arguments: "write" or "wake", folder, actors. `wake` prints {p50, p99} in
// microseconds; a process of its own, so that nothing of the folder is mapped before.

import { defineActor } from "../../runtime/actor.ts";
import { SHARDS } from "../../runtime/address.ts";
import { realClock } from "../../runtime/clock.ts";
import { systemRandom } from "../../runtime/id.ts";
import { createKernel } from "../../runtime/kernel/kernel.ts";
import type { WorkerItem } from "../../runtime/message.ts";
import { openFolder } from "../../runtime/store/folder.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import { actorAt } from "./durable-program.ts";

const [what = "wake", path = "", actors = "100000"] = process.argv.slice(2);
const STATE_BYTES = 500;
const WAKES = 2_000;
const WARM_WAKES = 500;
const WRITES_AT_ONCE = 1_000;
const DEADLINE_MS = 60_000;

let handledMs = 0;
const sleeper = defineActor<{ readonly text: string }, { readonly text?: string }>({
  kind: "sleeper",
  version: 1,
  initial: () => ({ text: "" }),
  receive(state, { text }, turn) {
    handledMs = performance.now();
    turn.reply(state.text.length);
    return text === undefined ? state : { text };
  },
});

openFolder(path);
const storage = await startStorage({ path, environments: ["hot"], onDeath: () => process.exit(9) });
const waiting = new Map<number, (item: WorkerItem) => void>();
const kernel = createKernel({
  worker: 0,
  definitions: [sleeper],
  ports: {},
  store: openStore({ path, environment: "hot", port: storage.connect("hot") }),
  clock: realClock,
  random: systemRandom,
  durability: "flushed",
  defer: setImmediate,
  toDoor: (item) => waiting.get(item.id)?.(item),
  toPeer: () => undefined,
});
await kernel.own(new Map(Array.from({ length: SHARDS }, (_, shard) => [shard, 1])));
let requests = 0;

await (what === "write" ? write() : wake());
process.exit(0);

async function write(): Promise<void> {
  const text = "x".repeat(STATE_BYTES);
  for (let at = 0; at < Number(actors); at += WRITES_AT_ONCE) {
    await Promise.all(Array.from({ length: WRITES_AT_ONCE }, (_, n) => ask(at + n, { text })));
  }
}

async function wake(): Promise<void> {
  const times = new Float64Array(WAKES);
  for (let at = -WARM_WAKES; at < WAKES; at += 1) {
    // Steps of a large prime: no actor twice, none beside the one before.
    const actor = ((at + WARM_WAKES) * 7_919) % Number(actors);
    const beganMs = performance.now();
    const answer = await ask(actor, {});
    if (answer.type !== "reply" || answer.value !== STATE_BYTES) {
      throw new Error(`Actor ${actor} was not woken: ${JSON.stringify(answer)}`);
    }
    if (at >= 0) times[at] = (handledMs - beganMs) * 1_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort();
  console.log(JSON.stringify({ p50: times[WAKES / 2], p99: times[Math.floor(WAKES * 0.99)] }));
}

function ask(actor: number, message: { readonly text?: string }): Promise<WorkerItem> {
  requests += 1;
  const id = requests;
  const answered = new Promise<WorkerItem>((resolve) => waiting.set(id, resolve));
  const to = actorAt("sleeper", actor);
  const level = message.text === undefined ? "memory" : "flushed";
  const deadlineMs = Date.now() + DEADLINE_MS;
  kernel.fromDoor([{ type: "request", id, to, message, deadlineMs, want: "reply", level }]);
  return answered.finally(() => waiting.delete(id));
}
