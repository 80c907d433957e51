// Rows of OpenAI's Responses protocol.

import { expect } from "vitest";
import { agent } from "../makers.ts";
import { again, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const one = "/v1/responses/{id}";

const made = async (world: World) => {
  const body = { model: `agent:${await agent(world)}`, input: "How do I export?" };
  return { params: { id: (await world.make("POST", "/v1/responses", body)).id } };
};

/** The rows. */
export const responseRows: Rows = {
  "POST /v1/responses": {
    good: async (world) => ({ body: { model: `agent:${await agent(world)}`, input: "export?" } }),
    status: 200,
    shows: { object: "response", status: "completed", output: [{ role: "assistant" }] },
    wrong: [
      withBody(
        "an item that is none",
        { input: [{ type: "oracle" }] },
        { status: 400, pointer: "/input[0]/type" },
      ),
      withBody("a tool of another kind", { tools: [{ type: "file_search" }] }, { status: 400 }),
    ],
    missing: [
      withBody("a chain that is none", { previous_response_id: "resp_none" }, { status: 404 }),
      withBody("a conversation that is none", { conversation: "cv_none" }, { status: 404 }),
    ],
  },
  [`GET ${one}`]: {
    good: made,
    status: 200,
    shows: { object: "response", status: "completed" },
    wrong: [
      withQuery("stream=maybe", { code: "INVALID", parameter: "stream" }),
      withQuery("stream=true&starting_after=x", { code: "INVALID", parameter: "starting_after" }),
    ],
  },
  [`GET ${one}/input_items`]: {
    good: made,
    status: 200,
    shows: { object: "list", data: [{ role: "user" }], has_more: false },
    wrong: [
      withQuery("limit=0", { code: "INVALID", parameter: "limit" }),
      withQuery("order=odd", { code: "INVALID", parameter: "order" }),
      withQuery("after=none", { code: "INVALID", parameter: "after" }),
    ],
  },
  [`POST ${one}/cancel`]: {
    good: made,
    status: 200,
    shows: { status: "completed", id: expect.any(String) },
    conflict: "cannot: a response that has ended is answered as it is",
  },
  [`DELETE ${one}`]: {
    good: made,
    status: 200,
    shows: { object: "response", deleted: true },
    conflict: [again(404, "NOT_FOUND")],
  },
};
