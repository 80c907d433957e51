// The live runtime through the real door: what stands in memory, who waits, who is stopped, and that
// an owner sees only what is its tenant's.

import { afterAll, beforeAll, expect, test } from "vitest";
import { defineActor } from "../../../runtime/actor.ts";
import { address } from "../../../runtime/address.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { parties } from "../../support/parties.ts";
import type { Json } from "../../support/wire-client.ts";

const RUNTIME = "/admin/runtime";
const DEADLINE_MS = 10_000;
const world = { isBroken: true };

/** Cannot come to life while the world is broken. */
const sour = defineActor<readonly string[], { readonly word: string }>({
  kind: "sour",
  version: 1,
  initial: () => {
    if (world.isBroken) throw new Error("no state with sk-secret");
    return [];
  },
  receive(state, { word }, turn) {
    turn.reply([...state, word]);
    return [...state, word];
  },
});

let host: HttpHost;
let admin: { readonly key: string };
let other: { readonly key: string };

beforeAll(async () => {
  host = await startHttpHost({ definitions: [...parties, sour] });
  admin = { key: host.adminKey };
  other = { key: host.otherKey };
});
afterAll(() => host.stop());

const at = (kind: string, root: string): string => address({ kind, tenant: host.tenant, root });
const get = async (path: string, as?: { readonly key: string }): Promise<Json> =>
  (await host.call("GET", `${RUNTIME}${path}`, undefined, as)).body;

async function until(look: () => Promise<Json | undefined>): Promise<Json> {
  const lateMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > lateMs) throw new Error("It did not come to be.");
  }
}

test("a circle of waits is listed to its tenant and to the operator, with the runs in its tree", async () => {
  const [one, two] = [at("party", "one"), at("party", "two")];
  const start = async (from: string, to: string): Promise<void> => {
    for await (const _ of host.system.stream(from, { type: "start", to, timeoutMs: 4_000 }));
  };
  const ends = [start(one, two), start(two, one)];

  const circle = await until(async () => (await get("/waits")).circles[0]);
  const summary = await get("", admin);
  const tree = await get("/tree?root=one");
  const foreign = await get("/waits", other);
  const foreignTree = await get("/tree?root=one", other);
  await Promise.all(ends);

  expect(circle.addresses).toHaveLength(3);
  expect(new Set(circle.addresses)).toEqual(new Set([one, two]));
  expect(circle.waits[0]).toMatchObject({ step: "question", type: "ask", worker: 0 });
  expect(Date.parse(circle.waits[0].until)).toBeGreaterThan(Date.parse(circle.waits[0].since));
  expect(summary.waits).toMatchObject({ count: 2, circles: [{}] });
  expect(tree.actors).toMatchObject([{ address: one, kind: "party", state: "idle", mailbox: 0 }]);
  expect(tree.runs).toMatchObject([
    {
      ...{ kind: "asker", parent: one, state: "running", children: [] },
      steps: [{ key: "question", type: "ask", to: two }],
    },
  ]);
  expect(foreign).toMatchObject({ count: 0, data: [], circles: [] });
  expect(foreignTree).toMatchObject({ actors: [], runs: [] });
  await until(async () => ((await get("/waits")).count === 0 ? {} : undefined));
});

test("an actor that cannot be read is listed with its reason, refused, and released after the repair", async () => {
  world.isBroken = true;
  const stopped = at("sour", "s1");
  const path = `${RUNTIME}/actors/${encodeURIComponent(stopped)}/release`;

  await expect(host.system.ask(stopped, { word: "x" })).rejects.toMatchObject({
    code: "QUARANTINED",
  });
  // The caller hears of it at once, the list when its mark is on disk.
  const listed = await until(async () => {
    const page = await get("/quarantined");
    return page.data.length > 0 ? page : undefined;
  });
  const all = await get("/quarantined", admin);
  const foreign = await get("/quarantined", other);
  const actors = await get("/actors?state=quarantined");
  const early = await host.call("POST", path);
  const byOther = await host.call("POST", path, undefined, other);
  world.isBroken = false;
  const released = await host.call("POST", path);
  const twice = await host.call("POST", path, undefined, admin);

  expect(listed.data).toMatchObject([
    {
      ...{ address: stopped, tenant: host.tenant, kind: "sour", why: "state" },
      error: { code: "INTERNAL", message: "no state with [redacted]" },
    },
  ]);
  expect(all.data).toEqual(listed.data);
  expect(foreign.data).toEqual([]);
  expect(actors.data).toMatchObject([{ address: stopped, state: "quarantined" }]);
  expect([early.status, byOther.status, released.status, twice.status]).toEqual([
    500, 404, 200, 404,
  ]);
  expect(await host.system.ask(stopped, { word: "x" })).toEqual(["x"]);
  await until(async () => ((await get("/quarantined")).data.length === 0 ? {} : undefined));
});

test("actors come by mailbox, kind, beginning of the root and limit; an owner sees its own", async () => {
  world.isBroken = false;
  for (const root of ["ab1", "ab2", "ac1"]) await host.system.ask(at("sour", root), { word: "x" });
  const roots = (answer: Json): string[] =>
    answer.data.map((one: Json) => one.address.split("/")[1]);

  const some = await get("/actors?kind=sour&root=ab");
  const few = await get("/actors?kind=sour&limit=1");
  const foreign = await get("/actors", other);
  const named = await get(`/actors?tenant=${host.tenant}&kind=sour&root=ac`, admin);
  const wrong = await host.call("GET", `${RUNTIME}/actors?state=odd`);
  const many = await host.call("GET", `${RUNTIME}/actors?limit=1001`);
  const treeless = await host.call("GET", `${RUNTIME}/tree`);

  expect(roots(some).sort()).toEqual(["ab1", "ab2"]);
  expect(some.data[0]).toMatchObject({ failures: 0, waiting_since: null, worker: 0 });
  expect(few.data).toHaveLength(1);
  expect(few.left_out).toBeGreaterThanOrEqual(2);
  expect(foreign.data).toEqual([]);
  expect(roots(named)).toEqual(["ac1"]);
  expect([wrong.status, many.status, treeless.status]).toEqual([400, 400, 400]);
});

test("the summary has the figures of every thread, and is the operator's", async () => {
  const summary = await get("", admin);
  const refused = await host.call("GET", RUNTIME);

  expect(summary).toMatchObject({
    ...{ boots: 1, worker_deaths: 0, silent_workers: [] },
    main: { lag: { p99Ms: expect.any(Number) } },
    storage: { hot: { queuedBatches: 0, commit_ms: { p99: expect.any(Number) } } },
    compute: { waiting: 0 },
  });
  expect(summary.workers).toMatchObject([
    { worker: 0, up: true, age_ms: expect.any(Number), shards: 1_024 },
  ]);
  expect(summary.total.kinds.sour).toMatchObject({
    counters: { turns: expect.any(Number) },
    turn_ms: { count: expect.any(Number), p50: expect.any(Number), p99: expect.any(Number) },
  });
  expect(summary.deepest.length).toBeGreaterThan(0);
  expect(refused.status).toBe(403);
});
