// A tenant's flood at the door: its requests are read some at a time, and others come between them.

import { afterAll, expect, test, vi } from "vitest";
import { Type } from "../../actors/schema.ts";
import { json } from "../../adapters/http/reply.ts";
import { defineRoute } from "../../adapters/http/route.ts";
import type { HttpRequest, HttpResponse } from "../../adapters/http/server.ts";
import { loadValidator } from "../../adapters/http/validate.ts";
import { bareDoor, bareRequest } from "./bare-door.ts";

const FLOOD = 200;
/** Work of one request, ms. */
const WORK_MS = 0.5;
/** What goes on within the free time of a pass, and within the next pass. */
const BEFORE_MAX = 20;

/** Turns of the queue of promises in which a request has done all it can. */
const SETTLE_TURNS = 20;

const order: string[] = [];

// The clock is the test's own: a pass that is over by a real one may end later on a busy machine.
let nowMs = 1_000;
const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
afterAll(() => clock.mockRestore());

const work = (name: string, isControl: boolean) =>
  defineRoute({
    method: "POST",
    pattern: `/v2/${name}`,
    service: "agents",
    errors: "problem",
    isControl,
    body: Type.Object({}),
    handler: ({ principal }) => {
      order.push(isControl ? `${principal.tenant} control` : principal.tenant);
      nowMs += WORK_MS;
      return json(200, {});
    },
  });

const door = bareDoor([work("work", false), work("stop", true)]);

/** As the server does: what can be done of a request is done before the next one, in the same pass. */
async function arrive(
  answering: (HttpResponse | Promise<HttpResponse>)[],
  one: HttpRequest,
): Promise<void> {
  answering.push(door.handle(one));
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await undefined;
}

test("beside a flood in one pass a quiet tenant's request is among the next, and a control before it", async () => {
  // Else the first bodies wait for it, and what they cost is not seen when the next one comes.
  await loadValidator();
  const answering: (HttpResponse | Promise<HttpResponse>)[] = [];
  for (let at = 0; at < FLOOD; at += 1) await arrive(answering, bareRequest("loud", "/v2/work"));
  await arrive(answering, bareRequest("quiet", "/v2/work"));
  await arrive(answering, bareRequest("quiet", "/v2/stop"));
  const answers = await Promise.all(answering);

  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(order).toHaveLength(FLOOD + 2);
  expect(order.indexOf("quiet")).toBeLessThan(BEFORE_MAX);
  expect(order.indexOf("quiet control")).toBeLessThan(order.indexOf("quiet"));
});
