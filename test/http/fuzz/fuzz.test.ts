// Wrong requests to every route, each a good one that was changed, from a fixed seed: each is answered, none
// with a fault of the server, and nothing is left of them in memory. `FUZZ_REQUESTS=100000` sends as many.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { isServers } from "../matrix/is-servers.ts";
import { nameOf, type Rows } from "../matrix/row.ts";
import { areas } from "../matrix/rows/all.ts";
import { startWorld, type World } from "../matrix/world.ts";
import { mutate } from "./mutations.ts";
import { createSender, type Reply, type Sender, type Wire, wireOf } from "./wire.ts";

const SEED = 20_260_727;
const REQUESTS = Number(process.env["FUZZ_REQUESTS"] ?? 2_000);
const REQUESTS_MS = Math.max(120_000, REQUESTS * 15);
/** Good requests are made anew so often: wrong ones remove what they name. */
const ROUNDS = 2;
const CONNECTIONS = 32;
const PATIENCE_MS = 3_000;
/** What memory may grow by between the first round and the last, MiB: caches are bounded, and fill. */
const GROWTH_MIB_MAX = 48;
/** The one answer above 499 that is no fault of the server: an address that was asked for does not answer. */
const OUTSIDE = /"code":"(?:URL_FAILED|EGRESS_REFUSED|PROVIDER_UNAVAILABLE)"/;

let world: World;
let sender: Sender;
const faults: Error[] = [];
const note = (error: Error): number => faults.push(error);

beforeAll(async () => {
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  world = await startWorld();
  await world.host.setBalance(1_000_000_000);
  sender = createSender(world.host.url, { connections: CONNECTIONS, patienceMs: PATIENCE_MS });
});
afterAll(async () => {
  sender.close();
  await world.stop();
  process.off("uncaughtException", note);
  process.off("unhandledRejection", note);
});

/** A good request of every route. */
async function goodRequests(): Promise<readonly Wire[]> {
  const rows: Rows = Object.assign({}, ...Object.values(areas));
  const wires: Wire[] = [];
  for (const route of world.host.routes) {
    const row = rows[nameOf(route)];
    if (row === undefined) continue;
    const { host } = world;
    const key = isServers(route) ? host.adminKey : host.key;
    wires.push(wireOf(route, await row.good(world), key));
  }
  return wires;
}

function heapMib(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

const isFault = ({ status, text }: Reply): boolean => status >= 500 && !OUTSIDE.test(text);

test(
  "no wrong request is a fault of the server, ends it, or stays in its memory",
  async () => {
    const random = seeded(SEED);
    const wrong: string[] = [];
    const statuses = new Map<number, number>();
    const heaps: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const goods = await goodRequests();
      let left = Math.ceil(REQUESTS / ROUNDS);
      const one = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const wire = mutate(goods[Math.floor(random() * goods.length)] as Wire, random);
          const reply = await sender.send(wire);
          statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
          if (isFault(reply)) wrong.push(`${shown(wire)} -> ${reply.status} ${reply.text}`);
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, one));
      expect(wrong.slice(0, 5)).toEqual([]);
      heaps.push(heapMib());
    }

    const [first = 0] = heaps;
    const last = heaps.at(-1) ?? 0;
    const sum = [...statuses.values()].reduce((total, count) => total + count, 0);
    expect(faults).toEqual([]);
    expect(sum).toBeGreaterThanOrEqual(REQUESTS);
    expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 100);
    expect(statuses.get(400) ?? 0).toBeGreaterThan(REQUESTS / 10);
    expect(last - first, `heap in MiB after each round: ${heaps}`).toBeLessThan(GROWTH_MIB_MAX);
  },
  REQUESTS_MS,
);

const shown = ({ method, path, headers, body }: Wire): string =>
  `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 300)} ${body.toString("latin1").slice(0, 500)}`;
