// Rows of what the started product has beside its services: its pages, its own description, the
// sign-in of browsers, metrics and models.

import { expect } from "vitest";
import { anOwner } from "../../../../adapters/http/auth.ts";
import { again, type Row, type Rows } from "../row.ts";

const page = (shows: RegExp): Row => ({ good: () => ({}), status: 200, shows });

/** The rows. */
export const frontRows: Rows = {
  "GET /openapi.json": { good: () => ({}), status: 200, shows: { openapi: "3.1.1" } },
  "GET /docs": page(/<html/),
  "GET /": page(/<html/),
  "GET /console/chat.css": page(/\{/),
  "GET /console/chat.js": page(/import/),
  "GET /console/stream.js": page(/export/),
  "GET /console/markdown.js": page(/export/),
  "GET /console/icon.svg": page(/<svg/),
  "GET /console/info": { good: () => ({}), status: 200, shows: { builtin: true } },
  "GET /login": {
    good: ({ host, sessions }) => {
      const { tenant } = host;
      const code = sessions.createCode(anOwner(tenant));
      return { query: `code=${code}` };
    },
    status: 303,
    conflict: [again(401, "UNAUTHENTICATED", "a link that was used")],
  },
  "POST /logout": {
    good: () => ({}),
    status: 204,
    conflict: "cannot: who is signed out is as wanted",
  },
  "GET /metrics": page(/^# HELP/m),
  "GET /agents/v1/metrics": page(/^# HELP/m),
  "POST /mcp": {
    good: () => ({
      headers: { Accept: "application/json, text/event-stream" },
      body: { jsonrpc: "2.0", id: 7, method: "tools/list" },
    }),
    status: 200,
    shows: { jsonrpc: "2.0", id: 7, result: { tools: expect.any(Array) } },
    conflict: "cannot: it lists",
  },
  "GET /v2/models": {
    good: () => ({}),
    status: 200,
    shows: { default_model: "builtin", data: expect.any(Array) },
  },
};
