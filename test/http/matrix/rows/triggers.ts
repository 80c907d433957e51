// Rows of what triggers have beside their records.

import { Webhook } from "standardwebhooks";
import { expect } from "vitest";
import { agent } from "../makers.ts";
import { type Rows, withBody, withQuery } from "../row.ts";
import type { Sent } from "../sent.ts";
import type { World } from "../world.ts";

/** One that comes due in years, and is at rest: what is set off meanwhile is skipped, so that all is known. */
async function trigger(world: World): Promise<string> {
  const target = await agent(world);
  const body = { name: "Yearly", target, type: "schedule", cron: "0 0 1 1 *", is_active: false };
  return (await world.make("POST", "/v2/triggers", body)).id;
}

async function fired(world: World): Promise<Readonly<Record<"id" | "occurrence", string>>> {
  const id = await trigger(world);
  const { occurrence } = await world.make("POST", `/v2/triggers/${id}/fire`, { data: { n: 1 } });
  return { id, occurrence };
}

const shown = { cause: "fire", state: "skipped", why: "paused", data: { n: 1 }, run_id: null };

const overview = {
  ...{ name: "Yearly", type: "schedule", is_active: false, next_at: null, working: null },
  ...{ waiting: 0, counts: { completed: 0, failed: 0, cancelled: 0, replaced: 0, skipped: 1 } },
};

const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;

/** A delivery with its signature, to one at rest. */
async function delivery(world: World): Promise<Sent> {
  const target = await agent(world);
  const common = { name: "Hook", target, type: "webhook", is_active: false };
  const made = await world.make("POST", "/v2/triggers", {
    ...common,
    secrets: { signing: secret },
  });
  const at = new Date();
  const body = JSON.stringify({ order: 7 });
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
    "webhook-signature": new Webhook(secret).sign("msg_1", at, body),
  };
  return { params: { id: made.id }, body, headers };
}

/** The rows. */
export const triggerRows: Rows = {
  "GET /v2/triggers/{id}/status": {
    good: async (world) => ({ params: { id: await trigger(world) } }),
    status: 200,
    shows: { next_at: null, working: null, waiting: 0, files: null },
  },
  "GET /v2/triggers/overview": {
    good: async (world) => {
      await fired(world);
      return { query: "name=Yearly" };
    },
    status: 200,
    shows: { data: expect.arrayContaining([expect.objectContaining(overview)]) },
    wrong: [withQuery("limit=many", { code: "INVALID", parameter: "limit" })],
  },
  "POST /v2/triggers/{id}/fire": {
    good: async (world) => ({ params: { id: await trigger(world) }, body: { data: "now" } }),
    status: 202,
    shows: { occurrence: expect.stringMatching(/^tr_\w+\.000000000001$/) },
    conflict: "cannot: another one waits or is skipped, as its record says",
    wrong: [
      withBody(
        "data that is too long",
        { data: "x".repeat(70_000) },
        { status: 400, code: "INVALID", pointer: "/data" },
      ),
    ],
  },
  "POST /hooks/{id}": {
    good: delivery,
    status: 202,
    shows: { occurrence: expect.stringMatching(/^tr_\w+\.000000000001$/) },
    conflict: "cannot: what comes again is answered as before",
    // One that is not there is answered as a wrong signature is.
    free: ["id"],
    wrong: [
      {
        ...{ what: "a trigger that is not there", status: 401, code: "UNAUTHENTICATED" },
        sent: (good) => ({ ...good, params: { id: "tr_0" } }),
      },
      {
        ...{ what: "another body", status: 401, code: "UNAUTHENTICATED" },
        sent: (good) => ({ ...good, body: "{}" }),
      },
    ],
  },
  "GET /v2/triggers/{id}/occurrences": {
    good: async (world) => ({ params: { id: (await fired(world)).id }, query: "state=skipped" }),
    status: 200,
    shows: { data: [shown] },
    wrong: [withQuery("state=lost", { code: "INVALID", parameter: "state" })],
  },
  "GET /v2/triggers/{id}/occurrences/{occurrence}": {
    good: async (world) => ({ params: await fired(world) }),
    status: 200,
    shows: shown,
  },
};
