// Rows of collections, their documents and the jobs that take them in.

import { expect } from "vitest";
import { jobAs } from "../../../support/jobs.ts";
import { collection, documented, heldJob, pausedJob } from "../makers.ts";
import { again, type Refusal, type Row, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const list = "/v2/knowledge/collections";
const one = `${list}/{cl}`;
const documents = `${one}/documents`;
const job = "/v2/knowledge/jobs/{jb}";

const ofCollection = async (world: World) => ({ params: { cl: await collection(world) } });
const ofDocument = async (world: World) => {
  const { cl, dc } = await documented(world);
  return { params: { cl, dc } };
};
const ofJob = async (world: World) => ({ params: { jb: (await documented(world)).jb } });
const text = { text: "Data is exported from the settings page." };
const isHeld = async (world: World) => ({ params: { jb: await heldJob(world) } });

/** What has ended is neither paused nor cancelled. */
const afterItsEnd: Refusal = {
  ...{ what: "a job that has ended", status: 409, code: "CONFLICT" },
  sent: async (_, world) => {
    world.held.word = "";
    return await ofJob(world);
  },
};
const stopping: Row = {
  good: isHeld,
  status: 202,
  shows: { object: "ingestion_job" },
  conflict: [afterItsEnd],
};

/** The rows. */
export const knowledgeRows: Rows = {
  [`GET ${list}`]: { good: () => ({ query: "limit=2" }), status: 200 },
  [`POST ${list}`]: {
    good: () => ({ body: { name: "Docs", metadata: { team: "a" } } }),
    status: 201,
    shows: { name: "Docs", version: 1 },
    wrong: [withBody("an embedder that is none", { embedder: "nobody" }, { status: 400 })],
    conflict: "cannot: names of collections may repeat, and ids are the server's",
  },
  [`GET ${one}`]: { good: ofCollection, status: 200, shows: { name: "Docs" } },
  [`PATCH ${one}`]: {
    good: async (world) => ({ ...(await ofCollection(world)), body: { name: "Manuals" } }),
    status: 200,
    shows: { name: "Manuals", version: 2 },
    conflict: [
      withBody(
        "another embedder",
        { embedder: "other-1" },
        {
          ...{ status: 409, code: "EMBEDDER_MISMATCH", pointer: "/embedder" },
        },
      ),
    ],
  },
  [`DELETE ${one}`]: { good: ofCollection, status: 204, conflict: [again(404, "NOT_FOUND")] },
  [`POST ${documents}`]: {
    good: async (world) => ({ ...(await ofCollection(world)), query: "wait=true", body: text }),
    status: 201,
    shows: { object: "document", status: "created" },
    wrong: [
      withBody(
        "a text and a url",
        { url: "https://example.com" },
        {
          ...{ status: 400, pointer: "/text" },
        },
      ),
      withBody(
        "an unknown field",
        { nobody: 1 },
        {
          ...{ status: 400, code: "UNKNOWN_FIELD", pointer: "/nobody" },
        },
      ),
    ],
  },
  [`GET ${documents}`]: {
    good: async (world) => ({ params: { cl: (await documented(world)).cl } }),
    status: 200,
    shows: { data: [{ chunks: 1 }] },
  },
  [`GET ${documents}/{dc}`]: { good: ofDocument, status: 200, shows: text },
  [`GET ${documents}/{dc}/chunks/{chunk}`]: {
    good: async (world) => {
      const { cl, dc, chunk } = await documented(world);
      return { params: { cl, dc, chunk } };
    },
    status: 200,
    shows: text,
  },
  [`PUT ${documents}/{dc}`]: {
    good: async (world) => {
      const { params } = await ofCollection(world);
      return { params: { ...params, dc: "manual" }, query: "wait=true", body: text };
    },
    status: 201,
    shows: { id: "manual", status: "created" },
    free: ["dc"],
    wrong: [withBody("another id", { id: "other" }, { status: 400, pointer: "/id" })],
  },
  [`DELETE ${documents}/{dc}`]: {
    good: ofDocument,
    status: 204,
    conflict: [again(404, "NOT_FOUND")],
  },
  "GET /v2/knowledge/jobs": { good: () => ({}), status: 200 },
  [`GET ${job}`]: { good: ofJob, status: 200, shows: { status: "completed", done: 1 } },
  [`GET ${job}/documents`]: { good: ofJob, status: 200, shows: { data: [{ status: "created" }] } },
  [`GET ${job}/events`]: { good: ofJob, status: 200, shows: /event: end/ },
  [`POST ${job}/pause`]: stopping,
  [`POST ${job}/cancel`]: stopping,
  [`POST ${job}/resume`]: {
    good: async (world) => ({ params: { jb: await pausedJob(world) } }),
    status: 202,
    shows: { object: "ingestion_job" },
    conflict: [
      {
        ...again(409, "CONFLICT", "a job that has completed"),
        sent: async (good, world) => {
          await jobAs(world.host, `/v2/knowledge/jobs/${good.params?.["jb"]}`, "completed");
          return good;
        },
      },
    ],
  },
  [`POST ${one}/reembed`]: {
    good: async (world) => ({ ...(await ofCollection(world)), body: { embedder: "other-1" } }),
    status: 202,
    shows: { object: "ingestion_job" },
    wrong: [withBody("an embedder that is none", { embedder: "nobody" }, { status: 400 })],
  },
  [`POST ${one}/search`]: {
    good: async (world) => ({
      params: { cl: (await documented(world)).cl },
      body: { query: "export data settings", top_k: 1 },
    }),
    status: 200,
    shows: { data: [{ score: expect.any(Number) }], nothing_relevant: false },
    conflict: "cannot: it changes nothing",
  },
};
