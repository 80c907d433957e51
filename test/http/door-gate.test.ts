// The gate at the door: of a loud tenant's requests a few are under way, and who does not wait for them.

import { afterEach, expect, test } from "vitest";
import { Type } from "../../actors/schema.ts";
import { UNDER_WAY_MIN } from "../../adapters/http/gate/lane.ts";
import { BEGINS_MS, WorkGate } from "../../adapters/http/gate/work-gate.ts";
import { json } from "../../adapters/http/reply.ts";
import { defineRoute, type PlainRouteSpec, type Route } from "../../adapters/http/route.ts";
import type { HttpResponse } from "../../adapters/http/server.ts";
import { createGate, type Gate } from "../support/scripted-llm.ts";
import { bareDoor, bareRequest } from "./bare-door.ts";

const LOUD = 50;

let held: Gate = createGate();
/** Whose requests have begun. */
const begun: string[] = [];
const countOf = (name: string): number => begun.filter((one) => one === name).length;

afterEach(() => {
  held.open();
  held = createGate();
  begun.length = 0;
});

function work(name: string, more: Partial<PlainRouteSpec> = {}): Route {
  return defineRoute({
    ...{ method: "POST", pattern: `/v2/${name}`, service: "agents", errors: "problem" },
    ...more,
    handler: async ({ principal, request }) => {
      begun.push(`${principal.tenant} ${name}`);
      await held.wait(request.signal);
      return json(200, {});
    },
  });
}

const makeGate = (): WorkGate =>
  new WorkGate({ load: () => ({ busy: 1, passMs: 1, turns: { busy: 1, passMs: 1 }, cpu: 1 }) });

/** Requests of a loud tenant beside one of another, on busy threads. */
async function flood(count = LOUD): Promise<{
  answers: Promise<HttpResponse>[];
  come: (tenant: string, path: string, signal?: AbortSignal) => Promise<HttpResponse>;
}> {
  const routes = [
    work("work"),
    work("stop", { isControl: true }),
    work("chat", { hasOwnGate: true }),
  ];
  const door = bareDoor(routes, makeGate());
  const come = async (...asked: Parameters<typeof bareRequest>): Promise<HttpResponse> =>
    await door.handle(bareRequest(...asked));
  const answers = [come("other", "/v2/work")];
  for (let at = 0; at < count; at += 1) answers.push(come("loud", "/v2/work"));
  await expect.poll(() => countOf("loud work"), { timeout: 5_000 }).toBeGreaterThanOrEqual(2);
  return { answers, come };
}

test("of a flood a few requests are under way, and in the end all are answered", async () => {
  const { answers } = await flood();
  expect(countOf("loud work")).toBeLessThanOrEqual(UNDER_WAY_MIN);

  held.open();

  expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true);
  expect(countOf("loud work")).toBe(LOUD);
});

test("beside a flood a quiet tenant's request, a control, the operator's and one with a gate of its own begin at once", async () => {
  const { answers, come } = await flood();
  const more = [
    come("quiet", "/v2/work"),
    come("loud", "/v2/stop"),
    come("", "/v2/work"),
    come("third", "/v2/chat"),
  ];

  await expect
    .poll(() => begun.slice(-4), { timeout: 5_000 })
    .toEqual(["quiet work", "loud stop", " work", "third chat"]);
  expect(countOf("loud work")).toBeLessThanOrEqual(UNDER_WAY_MIN);
  held.open();
  await Promise.all([...answers, ...more]);
});

test.each(["one that is alone", "one that has company"])(
  "of a flood's requests that take long in one piece, of %s, each has a pass of the event loop to itself",
  async (whose) => {
    let pass = 0;
    const count = (): void => {
      pass += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const passes: number[] = [];
    const route = defineRoute({
      ...{ method: "POST", pattern: "/v2/list", service: "agents", errors: "problem" },
      handler: async () => {
        await undefined;
        passes.push(pass);
        const untilMs = performance.now() + BEGINS_MS;
        while (performance.now() < untilMs);
        return json(200, {});
      },
    });
    const door = bareDoor([route], makeGate());
    if (whose === "one that has company") await door.handle(bareRequest("other", "/v2/list"));
    passes.length = 0;

    const answers = Array.from({ length: LOUD }, async () => {
      const { status } = await door.handle(bareRequest("loud", "/v2/list"));
      return status;
    });

    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    clearImmediate(counting);
    expect(new Set(passes).size).toBe(LOUD);
  },
);

test("a handler that fails and a caller that goes away while it waits make room", async () => {
  const { answers, come } = await flood(UNDER_WAY_MIN);
  const away = new AbortController();
  const gone = come("loud", "/v2/work", away.signal);
  const last = come("loud", "/v2/work");
  away.abort(new Error("gone"));
  expect((await gone).status).toBe(500);

  held.open();

  expect((await Promise.all([...answers, last])).map(({ status }) => status)).not.toContain(500);
});

test("bodies of requests with a gate of their own are read through the gate of requests", async () => {
  const gate = makeGate();
  const read: string[] = [];
  const route = defineRoute({
    ...{ method: "POST", pattern: "/v2/chat", service: "agents", errors: "problem" },
    hasOwnGate: true,
    body: Type.Object({ text: Type.String() }),
    handler: () => json(200, {}),
  });
  const door = bareDoor([route], gate);
  const seen = gate.requests.enter.bind(gate.requests);
  gate.requests.enter = (tenant, key, asker) => {
    read.push(tenant);
    return seen(tenant, key, asker);
  };

  expect((await door.handle(bareRequest("loud", "/v2/chat"))).status).toBe(400);

  expect(read).toEqual(["loud"]);
  expect(gate.figures().requests.underWay).toBe(0);
});
