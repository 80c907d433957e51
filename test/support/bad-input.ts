// Requests that must be refused, each with the status, the code and the place it must be refused with.

import { CHAT } from "./product.ts";
import type { CallOptions } from "./wire-client.ts";

const create = "/v1/proxy/core-agent-create";

/** What a case may name. */
export interface Known {
  readonly agent: string;
  readonly run: string;
}

/** A case. Its path and body are made when it runs, from what exists then. */
export interface Bad extends CallOptions {
  readonly what: string;
  readonly method?: string;
  readonly path?: string | ((known: Known) => string);
  /** A text is sent as it is, a function is called, anything else goes as JSON. */
  readonly body?: unknown;
  readonly status: number;
  readonly code: string;
  readonly pointer?: string;
  /** Sent as the other tenant. */
  readonly foreign?: boolean;
}

const chat =
  (more: object) =>
  ({ agent }: Known) => ({ agent_key: agent, message: "refund", ...more });
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const subAgent = (more: object): Omit<Bad, "what" | "status" | "code"> => ({
  path: ({ agent }) => `/v1/proxy/core-agent-subagent-create/${agent}`,
  body: { name: "S", ...more },
});
const graph = (more: object): Omit<Bad, "what" | "status" | "code"> => ({
  method: "PUT",
  path: ({ agent }) => `/v1/proxy/core-agent-graph/${agent}`,
  body: {
    graph_definition: {
      nodes: [
        { id: "a", type: "supervisor" },
        { id: "z", type: "end" },
      ],
      edges: [{ from: "a", to: "z" }],
      ...more,
    },
    entry_node: "a",
  },
});
const invalid = { status: 400, code: "INVALID" } as const;
const unknown = { status: 400, code: "UNKNOWN_FIELD" } as const;
const missing = { status: 404, code: "NOT_FOUND" } as const;

const bodies: readonly Bad[] = [
  { what: "broken JSON", body: '{"name": "x"', status: 400, code: "BAD_JSON" },
  { what: "two values", body: '{"name":"x"} {}', status: 400, code: "BAD_JSON" },
  { what: "NaN", body: '{"name":"x","temperature":NaN}', status: 400, code: "BAD_JSON" },
  { what: "a comment", body: '{"name":"x"/**/}', status: 400, code: "BAD_JSON" },
  { what: "no body", body: "", ...invalid, pointer: "" },
  { what: "an array for an object", body: [{ name: "x" }], ...invalid, pointer: "" },
  { what: "null for an object", body: "null", ...invalid, pointer: "" },
  { what: "a number for a name", body: { name: 7 }, ...invalid, pointer: "/name" },
  { what: "an empty name", body: { name: "" }, ...invalid, pointer: "/name" },
  { what: "no name", body: {}, ...invalid, pointer: "/name" },
  { what: "a name too long", body: { name: "x".repeat(201) }, ...invalid, pointer: "/name" },
  { what: "an unknown field", body: { name: "x", nmae: 1 }, ...unknown, pointer: "/nmae" },
  {
    what: "an unknown field inside",
    body: { name: "x", agent_config: { "a/b": 1 } },
    ...unknown,
    pointer: "/agent_config/a~1b",
  },
  {
    what: "a negative temperature",
    body: { name: "x", temperature: -1 },
    ...invalid,
    pointer: "/temperature",
  },
  {
    what: "a number too large for a double",
    body: '{"name":"x","max_tokens":1e999}',
    ...invalid,
    pointer: "/max_tokens",
  },
  {
    what: "half a token",
    body: { name: "x", max_tokens: 1.5 },
    ...invalid,
    pointer: "/max_tokens",
  },
  { what: "a name twice", body: '{"name":"x","name":"y"}', ...invalid, pointer: "/name" },
  {
    what: "__proto__",
    body: '{"name":"x","agent_config":{"__proto__":{"on_busy":"reject"}}}',
    ...invalid,
    pointer: "/agent_config/__proto__",
  },
  {
    what: "constructor, escaped",
    body: '{"name":"x","response_format":{"\\u0063onstructor":{}}}',
    ...invalid,
    pointer: "/response_format/constructor",
  },
  {
    what: "deep nesting",
    body: `{"name":"x","response_format":${nested(100)}}`,
    status: 400,
    code: "TOO_DEEP",
  },
  {
    what: "a schema that is none",
    body: { name: "x", required_parameters: { type: "strnig" } },
    status: 400,
    code: "SCHEMA_INVALID",
    pointer: "/required_parameters",
  },
  {
    what: "a body over its limit",
    body: { name: "x", system_message: "y".repeat(1_100_000) },
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  {
    what: "keywords of 1 MB",
    ...subAgent({
      trigger: { keywords: Array.from({ length: 5_600 }, (_, n) => `${n}-${"k".repeat(190)}`) },
    }),
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  {
    what: "too many keywords",
    ...subAgent({ trigger: { keywords: Array(501).fill("k") } }),
    ...invalid,
    pointer: "/trigger/keywords",
  },
  {
    what: "an empty keyword",
    ...subAgent({ trigger: { keywords: ["a", ""] } }),
    ...invalid,
    pointer: "/trigger/keywords/1",
  },
  {
    what: "an unknown collection",
    ...subAgent({ use_rag: true, collection_key: "cl_unknown" }),
    ...invalid,
    pointer: "/collection_key",
  },
  {
    what: "a pattern that back-tracks without end, with a back reference",
    ...subAgent({
      output_schema: {
        type: "object",
        properties: { a: { type: "string", pattern: "^(a+)+\\1$" } },
      },
    }),
    status: 400,
    code: "SCHEMA_INVALID",
  },
  {
    what: "a schema that refers to another host",
    ...subAgent({ output_schema: { $ref: "http://127.0.0.1:1/schema.json" } }),
    status: 400,
    code: "SCHEMA_INVALID",
  },
  {
    what: "a schema over its size",
    ...subAgent({ output_schema: { type: "string", description: "d".repeat(70_000) } }),
    ...invalid,
    pointer: "/output_schema",
  },
];

const graphs: readonly Bad[] = [
  {
    what: "a graph with an edge to nowhere",
    ...graph({ edges: [{ from: "a", to: "nobody" }] }),
    status: 400,
    code: "GRAPH_INVALID",
  },
  {
    what: "a graph with a node twice",
    ...graph({ nodes: Array(2).fill({ id: "a", type: "end" }) }),
    status: 400,
    code: "GRAPH_INVALID",
  },
  {
    what: "a graph without a way to an end",
    ...graph({
      edges: [
        { from: "a", to: "b" },
        { from: "b", to: "a" },
      ],
      nodes: ["a", "b"].map((id) => ({ id, type: "supervisor" })),
    }),
    status: 400,
    code: "GRAPH_INVALID",
  },
  {
    what: "a graph that refers to an unknown sub-agent",
    ...graph({
      nodes: [
        { id: "a", type: "sub_agent", ref: "sa_unknown" },
        { id: "z", type: "end" },
      ],
    }),
    status: 400,
    code: "GRAPH_INVALID",
  },
  {
    what: "a graph with an expression that is none",
    ...graph({ edges: [{ from: "a", to: "z", when: "state.x ==" }] }),
    status: 400,
    code: "GRAPH_INVALID",
  },
];

const chats: readonly Bad[] = [
  { what: "a chat without agent", body: { message: "x" }, ...invalid, pointer: "/agent_key" },
  { what: "an empty message", body: chat({ message: "" }), ...invalid, pointer: "/message" },
  { what: "an unknown agent", body: chat({ agent_key: "ag_unknown" }), ...missing },
  { what: "an agent's key of 100 KB", body: chat({ agent_key: "a".repeat(1e5) }), ...invalid },
  { what: "a path for an agent", body: chat({ agent_key: "../../etc/passwd" }), ...missing },
  { what: "an unknown conversation", body: chat({ conversation_key: "cv_none" }), ...missing },
  { what: "a zero byte in a key", body: chat({ conversation_key: "cv_\u0000a" }), ...missing },
  { what: "stream as a word", body: chat({ stream: "yes" }), ...invalid, pointer: "/stream" },
  { what: "an unknown on_busy", body: chat({ on_busy: "wait" }), ...invalid, pointer: "/on_busy" },
  {
    what: "a nonsense Last-Event-ID",
    body: chat({}),
    headers: { "Last-Event-ID": "7" },
    ...invalid,
  },
  {
    what: "an empty Idempotency-Key",
    body: chat({}),
    headers: { "Idempotency-Key": "" },
    ...invalid,
  },
  {
    what: "an Idempotency-Key of 300 characters",
    body: chat({}),
    headers: { "Idempotency-Key": "k".repeat(300) },
    ...invalid,
  },
];

const places: readonly Bad[] = [
  {
    what: "a wrong key",
    path: create,
    key: "troupe_wrong",
    body: { name: "x" },
    status: 401,
    code: "UNAUTHENTICATED",
  },
  {
    what: "no key",
    path: create,
    key: "",
    body: { name: "x" },
    status: 401,
    code: "UNAUTHENTICATED",
  },
  {
    what: "a key without the service",
    path: create,
    foreign: true,
    body: { name: "x" },
    status: 403,
    code: "FORBIDDEN",
  },
  {
    what: "a member under /admin",
    method: "GET",
    path: "/admin/runtime",
    foreign: true,
    status: 403,
    code: "FORBIDDEN",
  },
  {
    what: "another tenant's agent",
    method: "GET",
    path: ({ agent }) => `/v1/proxy/core-agent-details/${agent}`,
    foreign: true,
    ...missing,
  },
  {
    what: "another tenant's run",
    method: "GET",
    path: ({ run }) => `/v2/runs/${run}`,
    foreign: true,
    ...missing,
  },
  {
    what: "another tenant's run, to cancel",
    path: ({ run }) => `/v2/runs/${run}/cancel`,
    body: {},
    foreign: true,
    ...missing,
  },
  {
    what: "a chat with another tenant's agent",
    path: CHAT,
    body: chat({}),
    foreign: true,
    ...missing,
  },
  {
    what: "GET for a graph",
    method: "GET",
    path: ({ agent }) => `/v1/proxy/core-agent-graph/${agent}`,
    status: 405,
    code: "METHOD_NOT_ALLOWED",
  },
  {
    what: "PUT for a chat",
    method: "PUT",
    path: CHAT,
    body: {},
    status: 405,
    code: "METHOD_NOT_ALLOWED",
  },
  { what: "an unknown path", method: "GET", path: "/v1/proxy/nothing", ...missing },
  {
    what: "an escaped way out of a path",
    method: "GET",
    path: "/v1/proxy/core-agent-details/%2e%2e%2f%2e%2e%2fadmin",
    ...missing,
  },
  {
    what: "a broken escape",
    method: "GET",
    path: "/v1/proxy/core-agent-details/%zz",
    status: 400,
    code: "BAD_ENCODING",
  },
  { what: "a limit that is no number", method: "GET", path: "/v2/runs?limit=many", ...invalid },
  { what: "a negative limit", method: "GET", path: "/v2/runs?limit=-1", ...invalid },
  {
    what: "a page of another origin",
    path: create,
    body: { name: "x" },
    headers: { Origin: "https://evil.example" },
    status: 403,
    code: "ORIGIN_REFUSED",
  },
  {
    what: "a body of another type",
    path: create,
    body: "name=x",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    ...invalid,
  },
  {
    what: "a key's role that is none",
    path: "/admin/keys",
    body: { name: "k", role: "root" },
    ...invalid,
    pointer: "/role",
  },
  {
    what: "credit below zero",
    path: "/admin/tenants/tn_default/credit",
    body: { amount: -5 },
    ...invalid,
    pointer: "/amount",
  },
];

const at = (path: string) => (bad: Bad) => [bad.what, { path, ...bad }] as const;
/** All of them, by name. */
export const badInput = [
  ...bodies.map(at(create)),
  ...graphs.map(at("")),
  ...chats.map(at(CHAT)),
  ...places.map(at("")),
];
