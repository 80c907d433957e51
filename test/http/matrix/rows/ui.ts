// Rows of the protocols that user interfaces speak.

import { agent, fresh } from "../makers.ts";
import { type Rows, withBody } from "../row.ts";

const agUi = "/v2/agents/{key}/ag-ui";
const chat = "/v2/agents/{key}/ui-chat";
const said = (text: string) => ({ id: "m1", role: "user", parts: [{ type: "text", text }] });

/** The rows. */
export const uiRows: Rows = {
  [`POST ${agUi}`]: {
    good: async (world) => ({
      params: { key: await agent(world) },
      body: {
        ...{ threadId: fresh("thread"), runId: fresh("run") },
        messages: [{ id: "m1", role: "user", content: "How do I export?" }],
      },
    }),
    status: 200,
    shows: /"type":"RUN_STARTED"[\s\S]*"type":"RUN_FINISHED"/,
    wrong: [
      withBody(
        "a message without text",
        { messages: [{ id: "m1", role: "user", content: "" }] },
        { status: 400, code: "INVALID", pointer: "/messages/0/content" },
      ),
      withBody(
        "a last message that is the assistant's",
        { messages: [{ id: "m1", role: "assistant", content: "Yes." }] },
        { status: 400, code: "INVALID", pointer: "/messages/0/role" },
      ),
    ],
    missing: [
      withBody(
        "an interrupt that is none",
        { resume: [{ interruptId: "ap_none", status: "cancelled" }] },
        { status: 404, code: "NOT_FOUND" },
      ),
    ],
  },
  [`POST ${chat}`]: {
    good: async (world) => ({
      params: { key: await agent(world) },
      body: { id: fresh("chat"), messages: [said("How do I export?")] },
    }),
    status: 200,
    shows: /"type":"finish"[\s\S]*\[DONE\]/,
    wrong: [
      withBody(
        "a message without text",
        { messages: [said("")] },
        { status: 400, code: "INVALID", pointer: "/messages/0/parts" },
      ),
      withBody(
        "a last message that is the assistant's",
        { messages: [{ ...said("Yes."), role: "assistant" }] },
        { status: 400, code: "INVALID", pointer: "/messages/0/role" },
      ),
    ],
  },
  [`GET ${chat}/{id}/messages`]: {
    good: async (world) => ({ params: { key: await agent(world), id: fresh("chat") } }),
    status: 200,
    shows: /\{"messages":\[\]\}/,
    free: ["id"],
  },
  [`GET ${chat}/{id}/stream`]: {
    good: async (world) => ({ params: { key: await agent(world), id: fresh("chat") } }),
    status: 204,
    free: ["id"],
  },
};
