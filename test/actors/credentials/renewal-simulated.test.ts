// The actor of a token on virtual time: renewed before its end for as long as somebody uses it, once at a time, with
// pauses and a limit where the other side fails, and after a crash at any write.

import { expect, test } from "vitest";
import { credentialActor, credentialAddress } from "../../../actors/credentials/credential.ts";
import { RENEWALS_MAX } from "../../../actors/credentials/renewal-time.ts";
import { credentialRenewRun, credentialWaitRun } from "../../../actors/credentials/runs.ts";
import type { Integration } from "../../../actors/records/integration.ts";
import { integrationsTable } from "../../../actors/records/integration.ts";
import { type Token, tokenTables } from "../../../actors/records/token.ts";
import { webhookRun } from "../../../actors/webhook.ts";
import type { Notice } from "../../../actors/webhooks.ts";
import { defineActor } from "../../../runtime/actor.ts";
import { address } from "../../../runtime/address.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

const tenant = "tn_1";
const id = "tk_1";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const to = credentialAddress(tenant, id);

/** The other side, which survives every crash. */
interface Provider {
  asked: number;
  underWay: number;
  most: number;
  /** Time that was left of the token when it was asked, ms. */
  readonly left: number[];
  /** Generation whose refresh token it takes; any, where they do not rotate. */
  generation: number | null;
  answers: "well" | "down" | "refused";
  readonly told: Notice[];
}

const provider = (more: Partial<Provider> = {}): Provider => ({
  ...{ asked: 0, underWay: 0, most: 0, left: [], generation: 1, answers: "well", told: [] },
  ...more,
});

/** Writes rows that others than the actor write. */
const rows = defineActor<
  null,
  { readonly table: string; readonly id: string; readonly value: unknown }
>({
  kind: "rows",
  version: 1,
  initial: () => null,
  receive(state, { table, id: row, value }, turn) {
    turn.putRow(table, row, value);
    turn.reply(null);
    return state;
  },
});

function systemOn(
  world: Provider,
  onWrite?: (system: () => TestSystem | undefined) => void,
): TestSystem {
  let made: TestSystem | undefined;
  const portsFor = ({ clock, isAlive }: { clock: Clock; isAlive(): boolean }) => ({
    credentials: {
      renew: async ({ token, isAfterCrash }: { token: Token; isAfterCrash: boolean }) => {
        world.asked += 1;
        world.underWay += 1;
        world.most = Math.max(world.most, world.underWay);
        world.left.push(Date.parse(token.expires_at ?? "") - clock.now());
        const isKnown = world.generation === null || world.generation === token.generation;
        const isWell = world.answers === "well" && isKnown;
        // From here on the old one is nothing any more, whether the answer arrives or not.
        if (isWell && world.generation !== null) world.generation += 1;
        await new Promise<void>((resolve) => clock.after(50, resolve));
        world.underWay -= 1;
        if (!isAlive()) return await new Promise(() => undefined);
        if (world.answers === "down") throw new RuntimeError("PROVIDER_UNAVAILABLE", "It is down.");
        if (!isWell) return { status: "refused", reason: isAfterCrash ? "lost" : "taken back" };
        const expiresAtMs = clock.now() + HOUR_MS;
        return { status: "renewed", sealed: "sealed", expiresAtMs, scopes: null, canRefresh: true };
      },
    },
    webhooks: {
      deliver: async ({ event }: { event: { notice: Notice } }) => {
        world.told.push(event.notice);
        return { status: 204, retryAfterMs: 0 };
      },
    },
  });
  made = new TestSystem({
    ...{ seed: 7, workers: 2, delayMs: 2, reads: "at once", portsFor },
    definitions: [
      credentialActor,
      credentialRenewRun,
      credentialWaitRun,
      webhookRun,
      rows,
    ] as never,
    ...(onWrite && {
      onWrite: () => onWrite(() => made),
    }),
  });
  return made;
}

/** Drives it until the promise is settled. */
async function settled<T>(system: TestSystem, asked: Promise<T>): Promise<T> {
  let isDone = false;
  asked.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await system.schedule.until(() => isDone, 5 * MINUTE_MS);
  return await asked;
}

function rowOf<T>(system: TestSystem, table: string, row: string): T | undefined {
  const key = keys.table(tenant, table, row);
  const found = system.disk.rows.find((one) => one.key === key);
  return found === undefined ? undefined : (decode(found.value) as T);
}
const tokenOf = (system: TestSystem): Token => {
  const token = rowOf<Token>(system, tokenTables.tokens, id);
  if (token === undefined) throw new Error("There is no token.");
  return token;
};

const integration: Integration = {
  ...{ name: "things", type: "oauth2", allowed_hosts: ["api.example.com"] },
  ...{ webhook_url: "https://app.example.com/hook", created_at: "", updated_at: "" },
};

const write = (system: TestSystem, row: object): Promise<unknown> =>
  settled(system, system.ask(address({ kind: "rows", tenant, root: "r" }), row));
const timeAt = (system: TestSystem, ms: number): string =>
  new Date(system.schedule.nowMs + ms).toISOString();

async function put(system: TestSystem, lifeMs = HOUR_MS, ageMs = 0): Promise<void> {
  await write(system, { table: integrationsTable, id: "things", value: integration });
  const at = timeAt(system, -ageMs);
  const token: Token = {
    ...{ id, integration: "things", user_key: "ann", type: "oauth2", scopes: [] },
    ...{ allowed_hosts: null, status: "active", error: null, can_refresh: true },
    expires_at: timeAt(system, lifeMs),
    ...{ account_label: null, generation: 0, created_at: at, updated_at: at },
  };
  const message = { type: "put", id, token, sealed: "sealed", by: "ak_1", action: "token.connect" };
  await settled(system, system.ask(to, { ...message, generation: null }));
}
/** Null: it waits for the end of a renewal. */
const use = (system: TestSystem): Promise<unknown> => system.ask(to, { type: "use", id });
async function used(system: TestSystem): Promise<unknown> {
  const said = await settled(system, use(system));
  await system.schedule.advance(1_000);
  return said ?? (await settled(system, use(system)));
}

test("a token is renewed before its end, again and again, and never while more than ten minutes are left", async () => {
  const world = provider();
  const system = systemOn(world);
  await system.start();
  await put(system);

  await system.schedule.advance(49 * MINUTE_MS);
  expect(world.asked).toBe(0);
  await system.schedule.advance(8 * HOUR_MS);

  expect(world.asked).toBeGreaterThanOrEqual(9);
  expect(world.asked).toBeLessThanOrEqual(10);
  expect(Math.min(...world.left)).toBeGreaterThanOrEqual(5 * MINUTE_MS - 1_000);
  expect(Math.max(...world.left)).toBeLessThanOrEqual(10 * MINUTE_MS);
  expect(tokenOf(system)).toMatchObject({ status: "active", generation: world.asked + 1 });
  expect([world.most, world.told]).toEqual([1, []]);
});

test("one that nobody has used for thirty days is let be, and renewed by its next use", async () => {
  const world = provider();
  const system = systemOn(world);
  await system.start();
  await put(system, HOUR_MS, 30 * DAY_MS - 5 * HOUR_MS);

  await system.schedule.advance(5 * HOUR_MS);
  expect(world.asked).toBe(5);
  await system.schedule.advance(3 * HOUR_MS);

  expect(world.asked).toBe(5);
  expect(tokenOf(system).status).toBe("active");
  expect(await used(system)).toMatchObject({ status: "ready" });
  expect(world.asked).toBe(6);
  await write(system, { table: tokenTables.used, id, value: timeAt(system, 0) });
  await system.schedule.advance(2 * HOUR_MS);
  expect(world.asked).toBe(8);
});

test("a side that is down is asked so often and no more, is told of once, and may be up at the next use", async () => {
  const world = provider({ answers: "down" });
  const system = systemOn(world);
  await system.start();
  await put(system);

  await system.schedule.advance(4 * HOUR_MS);

  // Each renewal tries four times.
  expect(world.asked).toBe(4 * RENEWALS_MAX);
  expect(world.told.map(({ type }) => type)).toEqual(["token.renewal_failed"]);
  expect(tokenOf(system)).toMatchObject({ status: "active", error: "It is down.", generation: 1 });
  world.answers = "well";
  expect(await used(system)).toMatchObject({ status: "ready", generation: 2 });
  await system.schedule.advance(2 * HOUR_MS);
  expect(tokenOf(system).generation).toBe(4);
});

test("a token that is taken back asks for a person, once told, and is not asked for any more", async () => {
  const world = provider({ answers: "refused" });
  const system = systemOn(world);
  await system.start();
  await put(system);

  await system.schedule.advance(4 * HOUR_MS);

  expect(world.asked).toBe(1);
  expect(tokenOf(system)).toMatchObject({ status: "auth_required", error: "taken back" });
  expect(world.told).toMatchObject([
    { type: "token.auth_required", data: { token: id, integration: "things", user_key: "ann" } },
  ]);
  expect(await settled(system, use(system))).toMatchObject({ status: "connect" });
});

test("a token that is removed is not renewed", async () => {
  const world = provider();
  const system = systemOn(world);
  await system.start();
  await put(system);
  await settled(system, system.ask(to, { type: "remove", id, by: "ak_1" }));

  await system.schedule.advance(3 * HOUR_MS);

  expect(world.asked).toBe(0);
  expect(rowOf(system, tokenTables.tokens, id)).toBeUndefined();
});

test("however many need a dead one at once, one request goes out and all go on with what it gave", async () => {
  const world = provider();
  const system = systemOn(world);
  await system.start();
  await put(system, 1_000);
  await system.schedule.advance(2_000);

  const frames: unknown[] = [];
  const all = Array.from({ length: 100 }, () =>
    system.stream(to, { type: "use", id }, undefined, (frame) => frames.push(frame)),
  );
  await settled(system, Promise.all(all));

  expect(world.asked).toBe(1);
  const ends = frames.filter((frame) => (frame as { type: string }).type === "end");
  const results = ends.map((end) => (end as { reply: unknown }).reply);
  expect(results).toEqual(Array.from({ length: 100 }, () => ({ status: "ready", generation: 2 })));
});

test.each([
  ["rotate", 1],
  ["do not rotate", null],
] as const)(
  "after a crash at any write, where refresh tokens %s, what is kept is what the other side knows",
  async (_, generation) => {
    const outcomes = new Set<string>();
    let writes = Number.POSITIVE_INFINITY;
    for (let crashAt = 1; crashAt <= writes; crashAt += 1) {
      const world = provider({ generation });
      let [count, isArmed, isDown] = [0, false, false];
      const system = systemOn(world, (of) => {
        if (!isArmed) return;
        count += 1;
        if (count !== crashAt) return;
        isDown = true;
        of()?.crash("process");
      });
      await system.start();
      await put(system);
      await system.schedule.advance(49 * MINUTE_MS);
      isArmed = true;
      await system.schedule.until(() => isDown || tokenOf(system).generation === 2, 20 * MINUTE_MS);
      if (!isDown) {
        writes = crashAt - 1;
        break;
      }
      isArmed = false;
      await system.start();
      await system.schedule.advance(15 * MINUTE_MS);

      const token = tokenOf(system);
      const isActive = token.status === "active" && token.generation === 2;
      outcomes.add(isActive ? "renewed" : `${token.status}: ${token.error}`);
      if (isActive && generation !== null) expect(world.generation).toBe(token.generation);
      expect(world.asked).toBeLessThanOrEqual(2);
    }
    expect(writes).toBeGreaterThan(4);
    const lost = generation === null ? [] : ["auth_required: lost"];
    expect(outcomes).toEqual(new Set(["renewed", ...lost]));
  },
  30_000,
);
