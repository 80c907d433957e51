// Cursors of every list in another tenant's hands: those that a page gave, and those that are made up to point
// into the first tenant's rows. None shows anything of it.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json } from "../../support/wire-client.ts";
import { isServers } from "./is-servers.ts";
import { nameOf, type Rows } from "./row.ts";
import { areas } from "./rows/all.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
const rows: Rows = Object.assign({}, ...Object.values(areas));

beforeAll(async () => {
  world = await startWorld();
  await world.host.setBalance(1_000_000);
});
afterAll(() => world.stop());

/** Of these no other row makes one more. */
const few = ["POST /v2/memories", "POST /v1/proxy/core-agent-chat", "POST /v2/evaluations"];

async function fillLists(): Promise<void> {
  const makers = world.host.routes.filter(({ method }) => method === "POST");
  for (const route of makers) {
    const row = rows[nameOf(route)];
    if (row === undefined || row.elsewhere !== undefined) continue;
    await world.send(route, await row.good(world));
    // Lists need more than a page of one.
    if (few.includes(nameOf(route))) await world.send(route, await row.good(world));
  }
}

/** A cursor with another place in it, as whoever knows how they are written could make it. */
function madeUp(cursor: string, places: readonly string[]): readonly string[] {
  const text = Buffer.from(cursor, "base64url").toString();
  const cut = text.indexOf("\n");
  const to = (of: string): string => Buffer.from(of).toString("base64url");
  return places.flatMap((place) => [
    to(`${text.slice(0, cut)}\n${place}`),
    to(`${place}\n${text.slice(cut + 1)}`),
  ]);
}

test("no cursor of a list, given or made up, shows another tenant anything", async () => {
  await fillLists();
  const lists = world.host.routes.filter((route) => route.query?.includes("cursor") === true);
  const { tenant, otherKey, key } = world.host;
  const given: string[] = [];
  let refused = 0;
  for (const route of lists.filter((one) => !isServers(one))) {
    const row = rows[nameOf(route)];
    if (row === undefined) continue;
    const good = await row.good(world);
    const query = new URLSearchParams({ limit: "1" });
    const page = await world.send(route, { ...good, query: String(query), key });
    const cursor: string | undefined = nextOf(page.body);
    if (cursor === undefined) continue;
    given.push(nameOf(route));
    const [id = ""] = [...world.ids];
    const places = [
      tenant,
      `${tenant}/`,
      `r/${tenant}/`,
      `a/agent:${tenant}/`,
      id,
      `${tenant}/${id}`,
    ];
    for (const one of [cursor, ...madeUp(cursor, places)]) {
      query.set("cursor", one);
      query.set("limit", "100");
      const told = await world.send(route, { ...good, query: String(query), key: otherKey });
      if (told.status !== 200) refused += 1;
      const shown = [...world.ids].filter((known) => told.text.includes(known));
      const sent = JSON.stringify(good) + one;
      expect([
        nameOf(route),
        told.status < 500,
        shown.filter((known) => !sent.includes(known)),
      ]).toEqual([...[nameOf(route), true, []]]);
    }
  }
  console.log(`cursors.test: ${given.length} lists, ${refused} refused: ${given.join(", ")}`);
  expect(given.length).toBeGreaterThan(15);
}, 120_000);

const nextOf = ({ pagination, next_cursor }: Json): string | undefined =>
  (pagination === undefined ? next_cursor : pagination.next_cursor) ?? undefined;
