// Dead letters through the real door: seen, looked at, replayed, removed, and never another tenant's.

import { afterAll, beforeAll, expect, test } from "vitest";
import { address } from "../../../runtime/address.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const LETTERS = "/admin/dead-letters";
const DEADLINE_MS = 10_000;

let host: HttpHost;
let admin: { readonly key: string };

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

/** Sends what no conversation understands, and waits for its letter. */
async function fail(root: string, times = 1): Promise<Json[]> {
  const before = (await host.call("GET", LETTERS)).body.data.length;
  const to = address({ kind: "conversation", tenant: host.tenant, root });
  for (let n = 0; n < times; n += 1) await host.system.send(to, null);
  const lateMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const { data } = (await host.call("GET", LETTERS)).body;
    if (data.length === before + times) return data;
    if (Date.now() > lateMs) throw new Error("The message did not become a dead letter.");
  }
}

test("a message that fails for good is listed with its error, shown, replayed once and counted on", async () => {
  const [listed] = await fail("cv_1");
  const path = `${LETTERS}/${listed.id}`;

  const shown = await host.call("GET", path);
  const [one, two] = await Promise.all([
    host.call("POST", `${path}/replay`),
    host.call("POST", `${path}/replay`),
  ]);
  const gone = await host.call("GET", path);
  const again = await fail("cv_1", 0).then(async () => {
    for (;;) {
      const { data } = (await host.call("GET", LETTERS)).body;
      if (data.length > 0) return data[0];
    }
  });

  expect(listed).toMatchObject({
    ...{ tenant: host.tenant, kind: "conversation", failures: 5, replays: 0, from: null },
    error: { code: "INTERNAL" },
  });
  expect(shown.body).toMatchObject({ ...listed, message: null, history: [] });
  expect(shown.body.stack.length).toBeGreaterThan(0);
  expect([one.status, two.status].sort()).toEqual([200, 404]);
  expect(gone.status).toBe(404);
  expect(again).toMatchObject({ failures: 10, replays: 1 });
  expect(again.id).not.toBe(listed.id);

  const removed = await host.call("DELETE", `${LETTERS}/${again.id}`);
  const twice = await host.call("DELETE", `${LETTERS}/${again.id}`);
  expect([removed.status, twice.status]).toEqual([200, 404]);
  expect((await host.call("GET", LETTERS)).body.data).toEqual([]);
});

test("letters come in pages, by kind, of one tenant or, for the operator, of all", async () => {
  const all = (await fail("cv_2", 3)).map((letter) => letter.id);
  const ids = (answer: { body: Json }): string[] => answer.body.data.map((one: Json) => one.id);

  const first = await host.call("GET", `${LETTERS}?limit=2`);
  const rest = await host.call("GET", `${LETTERS}?limit=2&cursor=${first.body.next_cursor}`);
  const kind = await host.call("GET", `${LETTERS}?kind=conversation`);
  const none = await host.call("GET", `${LETTERS}?kind=supervisor`);
  const every = await host.call("GET", `${LETTERS}?tenant=*&limit=2`, undefined, admin);
  const next = `${LETTERS}?tenant=*&limit=2&cursor=${every.body.next_cursor}`;
  const others = await host.call("GET", next, undefined, admin);

  expect([...ids(first), ...ids(rest)]).toEqual(all);
  expect(rest.body.next_cursor).toBeNull();
  expect(ids(kind)).toEqual(all);
  expect(ids(none)).toEqual([]);
  expect([...ids(every), ...ids(others)]).toEqual(all);
});

test("another tenant's key sees, replays and removes none of them", async () => {
  const [letter] = await fail("cv_3");
  const other = { key: host.otherKey };

  const answers = await Promise.all([
    host.call("GET", `${LETTERS}/${letter.id}`, undefined, other),
    host.call("GET", `${LETTERS}?tenant=${host.tenant}`, undefined, other),
    host.call("GET", `${LETTERS}?tenant=*`, undefined, other),
    host.call("POST", `${LETTERS}/${letter.id}/replay`, undefined, other),
    host.call("DELETE", `${LETTERS}/${letter.id}`, undefined, other),
  ]);
  const operator = await host.call(
    "GET",
    `${LETTERS}/${letter.id}?tenant=${host.tenant}`,
    undefined,
    admin,
  );

  expect(answers.map((answer) => answer.status)).toEqual([404, 404, 404, 404, 404]);
  expect((await host.call("GET", LETTERS, undefined, other)).body.data).toEqual([]);
  expect(operator.body.id).toBe(letter.id);
});
