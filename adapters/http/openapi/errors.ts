// Errors in the description: the shape of each style, and for each status the codes that have it,
// from the one table of errors.

import { limitNames } from "../../../actors/records/constraints.ts";
import { Type } from "../../../actors/schema.ts";
import { type ErrorCode, errorTable } from "../../../runtime/errors.ts";
import type { ErrorStyle, Route } from "../route.ts";
import type { Components, Json } from "./components.ts";
import { named } from "./named.ts";

const codes = Object.keys(errorTable) as readonly ErrorCode[];
const code = named("ErrorCode", { type: "string", enum: codes });
const closed = { additionalProperties: false } as const;
const pointer = Type.String({ description: "RFC 6901 pointer to what is wrong in the body." });

const parameter = Type.String({ description: "The query parameter that is wrong." });

const limit = named(
  "ReachedLimit",
  Type.Object(
    {
      budget: Type.String(),
      scope: Type.String(),
      subject: Type.Union([Type.String(), Type.Null()]),
      period: Type.String(),
      counts: Type.String({ enum: ["spend", "charge"] }),
      limit: Type.Number({ description: "In units of the account, as the two below." }),
      left: Type.Number(),
      needed: Type.Number({
        description: "What the call may cost at least, or the service costs.",
      }),
    },
    { ...closed, description: "Of BUDGET_EXHAUSTED: the budget that has too little." },
  ),
);

const constraint = named(
  "ReachedConstraint",
  Type.Object(
    {
      limit: Type.String({ enum: limitNames }),
      value: Type.Number({
        description: "The limit: seconds, tokens, units or a number of calls.",
      }),
      used: Type.Number({ description: "What was used of it." }),
      agent_key: Type.String({ description: "The agent whose limit it is." }),
      run: Type.String({ description: "The run that is kept within it." }),
    },
    {
      ...closed,
      description: "Of LIMIT_REACHED: which of an agent's `constraints` ended the run.",
    },
  ),
);

const problem = named(
  "Problem",
  Type.Object(
    {
      type: Type.String({ description: "`urn:troupe:error:` and the code in lower case." }),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.String({ description: "One sentence: what, where and the limit." }),
      code,
      retryable: Type.Boolean({ description: "Whether the same request may succeed later." }),
      pointer: Type.Optional(pointer),
      parameter: Type.Optional(parameter),
      reason: Type.Optional(Type.String({ description: "Why a document cannot be read." })),
      current: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), { description: "What stands already." }),
      ),
      limit: Type.Optional(limit),
      constraint: Type.Optional(constraint),
      problems: Type.Optional(
        Type.Array(
          Type.Object(
            {
              ...{ file: Type.String(), line: Type.Integer(), column: Type.Integer() },
              ...{ code, message: Type.String(), pointer: Type.String() },
            },
            closed,
          ),
          { description: "All that is wrong with a file that was sent." },
        ),
      ),
      guardrail: Type.Optional(
        Type.Object(
          {
            ...{ rule: Type.String(), of: Type.String() },
            ...{ on: Type.String(), reason: Type.String() },
          },
          { ...closed, description: "Which guardrail has blocked it, and why." },
        ),
      ),
      request_id: Type.String(),
    },
    { ...closed, description: "RFC 9457 problem details." },
  ),
);

const envelopeError = named(
  "EnvelopeError",
  Type.Object(
    {
      status: Type.Literal("error"),
      error: Type.Object(
        {
          ...{ code, message: Type.String() },
          ...{ pointer: Type.Optional(pointer), parameter: Type.Optional(parameter) },
          limit: Type.Optional(limit),
          constraint: Type.Optional(constraint),
        },
        closed,
      ),
      gateway: Type.Object({ request_id: Type.String(), service: Type.String() }, closed),
    },
    closed,
  ),
);

const openaiError = named(
  "OpenAIError",
  Type.Object(
    {
      error: Type.Object(
        {
          message: Type.String(),
          type: Type.String(),
          param: Type.Union([Type.String(), Type.Null()]),
          code: Type.String(),
          constraint: Type.Optional(constraint),
        },
        closed,
      ),
    },
    closed,
  ),
);

const anthropicError = named(
  "AnthropicError",
  Type.Object(
    {
      type: Type.Literal("error"),
      error: Type.Object(
        {
          type: Type.String(),
          message: Type.String(),
          details: Type.Object(
            {
              error_code: Type.String({
                description: "A code, as `ErrorCode` has them, in lower case.",
              }),
              ...{ pointer: Type.Optional(pointer), parameter: Type.Optional(parameter) },
              constraint: Type.Optional(constraint),
            },
            closed,
          ),
        },
        closed,
      ),
      request_id: Type.String(),
    },
    closed,
  ),
);

const errorInfo = Type.Array(
  Type.Object({ "@type": Type.String() }, { additionalProperties: true }),
);

const statusError = named(
  "StatusError",
  Type.Object(
    {
      error: Type.Object(
        {
          code: Type.Integer({ description: "The HTTP status." }),
          status: Type.String({ description: "A name of google.rpc.Code." }),
          message: Type.String(),
          details: errorInfo,
        },
        closed,
      ),
    },
    closed,
  ),
);

const rpcError = named(
  "RpcError",
  Type.Object(
    {
      jsonrpc: Type.Literal("2.0"),
      id: Type.Union([Type.Null(), Type.String(), Type.Number()], {
        description: "Null for a request that was refused before it was read.",
      }),
      error: Type.Object(
        {
          code: Type.Integer(),
          message: Type.String(),
          data: Type.Optional(
            Type.Unknown({ description: "What the protocol says; else details of google.rpc." }),
          ),
        },
        closed,
      ),
    },
    closed,
  ),
);

const styles = {
  problem: { name: "Problem", type: "application/problem+json", schema: problem },
  envelope: { name: "Envelope", type: "application/json", schema: envelopeError },
  openai: { name: "OpenAI", type: "application/json", schema: openaiError },
  "rpc-status": { name: "Status", type: "application/json", schema: statusError },
  "json-rpc": { name: "Rpc", type: "application/json", schema: rpcError },
  anthropic: { name: "Anthropic", type: "application/json", schema: anthropicError },
} as const satisfies Record<ErrorStyle, object>;

/** Statuses that say in a word what went wrong; the others are the `default`. */
const told = new Map([
  [400, "The request is wrong"],
  [401, "No valid key"],
  [402, "The balance or a budget is used up, or a model has no price"],
  [403, "The key may not do this"],
  [404, "There is no such thing, or it is another tenant's"],
  [409, "The state of things does not allow it"],
  [412, "It was changed since the version in If-Match"],
  [413, "The body is too large"],
  [422, "The key of idempotency was used for another request, or what was sent cannot be used"],
  [429, "Too much at once; try again after Retry-After"],
]);

/** Error answers of a route, by status, as references. `used` is told which. */
export function errorResponses(
  route: Route,
  used: Set<string>,
): Readonly<Record<string, { readonly $ref: string }>> {
  const { body, isPublic, pattern, reads = [], errors } = route;
  const statuses = [
    400,
    ...(isPublic ? [] : [401, 403]),
    ...(pattern.includes("{") ? [404] : []),
    ...(route.method === "GET" ? [] : [409]),
    ...(reads.includes("If-Match") ? [412] : []),
    ...(body === undefined ? [] : [413]),
    ...(reads.includes("Idempotency-Key") ? [402, 422] : []),
    429,
    "default",
  ];
  const { name } = styles[errors];
  for (const status of statuses) used.add(`${name}-${status}`);
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${name}-${status}` }]),
  );
}

/** What the references above lead to. */
export function sharedErrorResponses(components: Components, used: ReadonlySet<string>): Json {
  const all = Object.values(styles).flatMap(({ name, type, schema }) => {
    const content = () => ({ [type]: { schema: components.write(schema) } });
    const ofStatus = [...told]
      .filter(([status]) => used.has(`${name}-${status}`))
      .map(([status, what]) => {
        const which = codes.filter((one) => errorTable[one].status === status).join(", ");
        const description = `${what}. Codes: ${which}.`;
        const answer = { description, headers: headersOf(status), content: content() };
        return [`${name}-${status}`, answer] as const;
      });
    if (!used.has(`${name}-default`)) return ofStatus;
    const description = "Any other error, of the request or of the server.";
    return [...ofStatus, [`${name}-default`, { description, content: content() }] as const];
  });
  return Object.fromEntries(all);
}

function headersOf(status: number): Json {
  const description = "Seconds after which the same request may succeed.";
  return status === 429 ? { "Retry-After": { description, schema: { type: "integer" } } } : {};
}
