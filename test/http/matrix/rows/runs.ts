// Rows of runs, conversations, approvals and webhooks.

import { expect } from "vitest";
import { keptTrace } from "../../../support/kept-trace.ts";
import { png } from "../../../support/picture-files.ts";
import { agent, approval, failedRun, run, team, waitingRun, workflow } from "../makers.ts";
import { again, type Row, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const one = "/v2/runs/{rn}";
const conversation = "/v2/conversations/{cv}";

const ended = async (world: World) => ({ params: { rn: (await run(world)).run } });
const answered = async (world: World) => ({ params: { cv: (await run(world)).cv } });
const asked = async (world: World) => ({ params: { ap: await approval(world) } });
const input = { input: "How do I export?" };
const secret: Row = {
  good: () => ({}),
  status: 200,
  shows: { secret: expect.stringMatching(/^whsec_/) },
  foreign: "cannot: it is the key's own tenant's",
  conflict: "cannot: nothing stands in the way of a new secret",
};

/** The rows. */
export const runRows: Rows = {
  "POST /v2/agents/{id}/runs": {
    good: async (world) => ({ params: { id: await agent(world) }, body: input }),
    status: 200,
    shows: { status: "completed", response: "You can export from Settings." },
    missing: [
      withBody("a conversation that is none", { conversation_key: "cv_none" }, { status: 404 }),
    ],
  },
  "POST /v2/teams/{id}/runs": {
    good: async (world) => ({ params: { id: await team(world) }, body: input }),
    status: 200,
    shows: { status: "completed" },
  },
  "POST /v2/workflows/{id}/runs": {
    good: async (world) => ({
      params: { id: await workflow(world) },
      body: { input: { order: 7 }, mode: "background" },
    }),
    status: 202,
    shows: { status: "running" },
  },
  "GET /v2/runs": {
    good: () => ({ query: "limit=2&kind=supervisor" }),
    status: 200,
    shows: { data: expect.any(Array) },
  },
  [`GET ${one}`]: { good: ended, status: 200, shows: { status: "completed" } },
  [`GET ${one}/events`]: { good: ended, status: 200, shows: /event: end/ },
  [`POST ${one}/cancel`]: {
    good: async (world) => ({
      params: { rn: (await waitingRun(world)).run },
      body: { reason: "not wanted" },
    }),
    status: 202,
    shows: { status: "cancelling" },
    conflict: [
      {
        ...{ what: "a run that has ended", status: 409, code: "RUN_ENDED" },
        sent: async (_, world) => await ended(world),
      },
    ],
  },
  [`GET ${one}/checkpoints`]: { good: ended, status: 200, shows: { next_cursor: null } },
  [`GET ${one}/tree`]: { good: ended, status: 200, shows: { status: "completed" } },
  [`GET ${one}/trace`]: {
    good: ended,
    status: 200,
    shows: { truncated: false, spans: expect.any(Array) },
    wrong: [withQuery("content=maybe", { parameter: "content" })],
  },
  "GET /v2/traces": {
    good: () => ({ query: "limit=2" }),
    status: 200,
    shows: { data: expect.any(Array), next_cursor: null },
    wrong: [
      withQuery("status=odd", { parameter: "status" }),
      withQuery("error=maybe", { parameter: "error" }),
      withQuery("min_duration=-1", { parameter: "min_duration" }),
      withQuery("since=yesterday", { parameter: "since" }),
      withQuery("q=", { parameter: "q" }),
    ],
  },
  "GET /v2/traces/{id}": {
    good: async (world) => {
      const { run: id } = await run(world);
      await keptTrace(world.host.system, world.host.tenant, id);
      return { params: { id } };
    },
    status: 200,
    shows: { truncated: false, spans: expect.any(Array) },
  },
  "GET /v2/agents/{id}/logs": {
    good: async (world) => ({ params: { id: (await run(world)).agent }, query: "limit=5" }),
    status: 200,
    shows: { truncated: expect.any(Boolean), data: expect.any(Array) },
    wrong: [withQuery("level=loud", { parameter: "level" })],
  },
  [`POST ${one}/fork`]: {
    good: async (world) => ({ ...(await ended(world)), body: { step: "model:1" } }),
    status: 200,
    shows: { status: "completed" },
    wrong: [withBody("a step that is none", { step: "no" }, { status: 400, pointer: "/step" })],
  },
  [`POST ${one}/resume`]: {
    good: async (world) => ({ params: { rn: await failedRun(world) } }),
    status: 200,
    shows: { status: "completed" },
    conflict: [
      {
        ...again(409, "CONFLICT", "a run that has completed"),
        sent: async (_, world) => await ended(world),
      },
    ],
  },
  [`POST ${one}/events/{name}`]: {
    good: async (world) => ({
      params: { rn: (await waitingRun(world)).run, name: "paid" },
      body: { euros: 5 },
    }),
    status: 202,
    shows: { event: "paid" },
    // Told to a run that takes it, or to one that has ended of it.
    conflict: [{ what: "an event once more", status: 409, sent: (good) => good }],
  },
  "GET /v2/workflows/{id}/graph.svg": {
    good: async (world) => ({ params: { id: await workflow(world) } }),
    status: 200,
    shows: /<svg/,
  },
  [`GET ${one}/graph.svg`]: {
    good: async (world) => ({ params: { rn: (await waitingRun(world)).run } }),
    status: 200,
    shows: /<svg/,
  },
  "GET /v2/webhooks/secret": secret,
  "POST /v2/webhooks/secret/rotate": secret,
  [`GET ${one}/record`]: { good: ended, status: 200, shows: { data: expect.any(Array) } },
  "GET /v2/conversations": {
    good: async (world) => ({ query: `agent_key=${(await run(world)).agent}` }),
    status: 200,
    shows: { data: [{ title: expect.anything() }] },
  },
  [`GET ${conversation}`]: { good: answered, status: 200, shows: { running_run_id: null } },
  [`DELETE ${conversation}`]: {
    good: answered,
    status: 204,
    conflict: [again(404, "NOT_FOUND")],
  },
  [`GET ${conversation}/messages`]: {
    good: answered,
    status: 200,
    shows: { data: [{ role: "user" }, { role: "assistant" }] },
  },
  [`GET ${conversation}/images/{im}`]: {
    good: async (world) => {
      const images = [{ data: png.toString("base64") }];
      const { cv } = await run(world, { images });
      const { data } = await world.make("GET", `/v2/conversations/${cv}/messages`);
      return { params: { cv, im: data[0].images[0].id } };
    },
    status: 200,
    shows: /PNG/,
  },
  [`POST ${conversation}/cancel`]: {
    good: async (world) => ({ params: { cv: (await waitingRun(world)).cv }, body: {} }),
    status: 202,
    shows: { status: "cancelling" },
    conflict: "cannot: a conversation that does nothing is as it is wanted",
  },
  "GET /v2/approvals": {
    good: async (world) => {
      await approval(world);
      return { query: "status=pending" };
    },
    status: 200,
    shows: { data: expect.arrayContaining([expect.objectContaining({ status: "pending" })]) },
    wrong: [withQuery("run_id=a/b", { code: "INVALID", parameter: "run_id" })],
  },
  "GET /v2/approvals/{ap}": { good: asked, status: 200, shows: { status: "pending", tool: "pay" } },
  "POST /v2/approvals/{ap}/decide": {
    good: async (world) => ({ ...(await asked(world)), body: { decision: "approve" } }),
    status: 200,
    shows: { status: "approved" },
    conflict: [again(409, "CONFLICT", "a second decision")],
  },
};
