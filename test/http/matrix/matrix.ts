// Every route of the server through the door: it lets in whom it should, refuses what is wrong, what is
// another tenant's, what is not there and what is in the way, and then does what it says. A column that
// has neither a case nor a reason fails; that no route is left out: complete.test.ts.

import { afterAll, describe, expect, test } from "vitest";
import type { Route } from "../../../adapters/http/route.ts";
import { expectTold } from "./audited.ts";
import {
  type Asked,
  beyondReach,
  byRole,
  conflicts,
  ofAnother,
  onceKey,
  stale,
  unknown,
  withoutKey,
  withoutScope,
  wrong,
} from "./columns.ts";
import { isServers } from "./is-servers.ts";
import { masked, refuseAll } from "./refuse.ts";
import { nameOf, type Row, type Rows } from "./row.ts";
import { startWorld, type World } from "./world.ts";

/** The tests of some rows, on a server of their own. */
export async function matrixOf(rows: Rows): Promise<void> {
  const world = await startWorld();
  const { routes } = world.host;
  afterAll(() => world.stop());
  const own = routes.flatMap((route) => {
    const row = rows[nameOf(route)];
    return row === undefined ? [] : [[nameOf(route), route, row] as const];
  });
  describe.each(own)("%s", (_, route, row) => testsOf(world, route, row));
}

function testsOf(world: World, route: Route, row: Row): void {
  let made: Promise<Asked> | undefined;
  /** The good request, made once: what is refused before must leave it good. */
  const of = (): Promise<Asked> => {
    made ??= (async () => ({ world, route, row, good: await row.good(world) }))();
    return made;
  };

  test("lets nobody in without a key", async () => {
    await refuseAll(await of(), withoutKey(await of()));
  });

  test("lets nobody in without the service", async () => {
    await refuseAll(await of(), withoutScope(await of()));
  });

  test("lets in the roles that have its permission, and no others", async () => {
    await refuseAll(await of(), byRole(await of()));
  });

  test("is not there for another tenant", async () => {
    const { good } = await of();
    const cases = ofAnother(await of());
    await refuseAll(await of(), cases);
    if (typeof cases === "string") return;
    const told = await world.send(route, { ...good, key: world.host.otherKey });
    const shown = [...world.ids].filter((id) => told.text.includes(id));
    const sent = JSON.stringify(good);
    expect(shown.filter((id) => !sent.includes(id))).toEqual([]);
    if (row.foreign !== undefined && typeof row.foreign !== "string") {
      expect(told.body).toMatchObject(row.foreign.shows);
    }
  });

  test("is not there for a key that reaches other records alone", async () => {
    const { good } = await of();
    const cases = beyondReach(await of());
    await refuseAll(await of(), cases);
    if (route.isPublic || isServers(route)) return;
    const key = await world.limitedKey();
    const sent = JSON.stringify(good);
    const told = typeof cases === "string" ? null : await world.send(route, { ...good, key });
    const shown = [...world.ids].filter(
      (id) => told?.text.includes(id) && id !== world.host.tenant,
    );
    expect(shown.filter((id) => !sent.includes(id) && !world.reached.has(id))).toEqual([]);
    const [first] = unknown(await of());
    if (typeof first !== "object" || told === null || told.status < 400) return;
    const other = { ...(await first.sent(good, world)), key };
    const plain = (text: string): string => text.replace(/\b[a-z]+_none\b/g, "<id>");
    expect(masked(told, good)).toBe(plain(masked(await world.send(route, other), other)));
  });

  test("knows no unknown id, and says of it what it says of another tenant's", async () => {
    const [{ good }, cases] = [await of(), unknown(await of())];
    await refuseAll(await of(), cases);
    const [first] = cases;
    if (typeof first !== "object" || !route.pattern.includes("{") || isServers(route)) return;
    const foreign = await world.send(route, { ...good, key: world.host.otherKey });
    const sent = await first.sent(good, world);
    expect(masked(foreign, good)).toBe(masked(await world.send(route, sent), sent));
  });

  test("refuses what is wrong, and says where", async () => {
    await refuseAll(await of(), wrong(await of(), world.host.routes));
  });

  test("refuses a change of a version that is no longer the newest", async () => {
    await refuseAll(await of(), stale(await of()));
  });

  test("does what it says, after all that was refused", async () => {
    if (row.elsewhere !== undefined) {
      expect(row.elsewhere).toMatch(/^cannot: .*\.test\.ts/);
      return;
    }
    const { good } = await of();
    const isOnce = route.reads?.includes("Idempotency-Key") === true;
    const headers = { ...(isOnce && { "Idempotency-Key": onceKey(route) }), ...good.headers };
    const told = await world.send(route, { ...good, headers });

    expect([told.status, told.text], told.text).toEqual([row.status, told.text]);
    const said = route.responses?.[row.status];
    if (said?.content !== undefined) {
      const type = told.headers.get("content-type")?.split(";", 1)[0] ?? "";
      expect(Object.keys(said.content)).toContain(type);
    }
    for (const header of said?.headers ?? [])
      expect(told.headers.get(header)).toEqual(expect.any(String));
    if (row.shows instanceof RegExp) expect(told.text).toMatch(row.shows);
    else if (row.shows !== undefined) expect(told.body).toMatchObject(row.shows);
    await expectTold(world, route, told);
  });

  test("refuses what is in its way then", async () => {
    const cases = conflicts(await of());
    expect([typeof cases === "string", cases.length, stale(await of()).length]).not.toEqual([
      false,
      0,
      0,
    ]);
    await refuseAll(await of(), cases);
  });
}
