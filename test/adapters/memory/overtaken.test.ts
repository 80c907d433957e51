// Two threads change one memory at once: what one of them has sent and the other overtakes never was,
// for whoever looks at that moment, too.

import { expect, test } from "vitest";
import type { MemoryScope } from "../../../actors/memory/memories.ts";
import type { MemoryStore } from "../../../actors/memory/store.ts";
import { memoryBounds } from "../../../actors/records/memory.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { createMemories } from "../../../adapters/memory/memories.ts";
import { createBulk } from "../../../runtime/store/bulk.ts";
import { type MemoryStore as Connection, MemoryDisk } from "../../../runtime/store/memory.ts";

const embedders = createEmbedders(createBuiltinEmbedder());
const bounds = memoryBounds(null);
const scope: MemoryScope = { tenant: "tn_1", agent: "ag_1", user: "ann", collection: "default" };

const over = (connection: Connection): MemoryStore =>
  createMemories({ bulk: createBulk(connection, () => Promise.resolve()), embedders });

async function texts(memories: MemoryStore): Promise<readonly string[]> {
  const { items } = await memories.list("tn_1", { agent: "ag_1" }, { limit: 100 });
  return items.map(({ text }) => text).sort();
}

async function recalled(memories: MemoryStore): Promise<readonly string[]> {
  const query = { query: "facts of Ann", topK: 50, threshold: 0, halfLifeDays: 90 };
  return (await memories.recall(scope, query)).map(({ text }) => text).sort();
}

let operations = 0;
function write(memories: MemoryStore, text: string) {
  operations += 1;
  const operation = { id: `rn_1/${operations}`, sinceMs: Date.now() };
  return memories.write(scope, { text, source: null, writtenBy: "api" }, bounds, operation);
}

test("a thread that looks while its own write is overtaken finds both facts afterwards", async () => {
  const disk = new MemoryDisk({ defer: setImmediate });
  const held: (() => void)[] = [];
  let isHeld = false;
  const first = over(
    disk.connect({
      send: (call) => (isHeld ? held.push(call) : call()),
      receive: (call) => call(),
    }),
  );
  const second = over(disk.connect());
  await write(first, "The stork is of Ann.");
  isHeld = true;
  const overtaken = write(first, "The bicycle of Ann is red.");
  await expect.poll(() => held).toHaveLength(1);

  await recalled(first);
  await write(second, "Ann was born in Oslo.");
  isHeld = false;
  for (const call of held) call();
  await overtaken;

  const all = ["Ann was born in Oslo.", "The bicycle of Ann is red.", "The stork is of Ann."];
  expect(await texts(first)).toEqual(all);
  expect(await recalled(first)).toEqual(all);
  expect(await recalled(second)).toEqual(all);
  // Each counted: the memory is there until the last one goes.
  const { items } = await first.list("tn_1", { agent: "ag_1" }, { limit: 100 });
  for (const { id } of items.slice(0, 2)) await first.remove(scope, id);
  expect(await recalled(second)).toHaveLength(1);
});

test("forty-five writes of three threads at once are all kept: each is overtaken by others alone", async () => {
  const disk = new MemoryDisk({ defer: setImmediate });
  const threads = [over(disk.connect()), over(disk.connect()), over(disk.connect())];
  const facts = Array.from(
    { length: 45 },
    (_, at) => `Fact of Ann ${at} is ${at * 7_919}xyz${at}.`,
  ).sort();

  await Promise.all(facts.map((text, at) => write(threads[at % 3] ?? over(disk.connect()), text)));

  for (const thread of threads) {
    expect(await texts(thread)).toEqual(facts);
    expect(await recalled(thread)).toEqual(facts);
  }
});
