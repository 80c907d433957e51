// The frames of `/ws`: what a client may send, checked, and what it is answered. JSON text, three
// kinds: `req` (client), `res` (one for each req), `event` (of a subscription, with its own `seq`).

import { userKey } from "../../actors/records/memory.ts";
import { type Static, Type } from "../../actors/schema.ts";
import { type ErrorData, errorTable, RuntimeError, toldError } from "../../runtime/errors.ts";
import { FRAME_ID_CHARS_MAX } from "../../runtime/place.ts";
import { parseJson } from "./body.ts";
import { maxSpendField } from "./max-spend.ts";
import { limitOf } from "./reply.ts";
import { validate } from "./validate.ts";

/** Version of this protocol. */
export const SOCKET_PROTOCOL = 1;

/** Limits of one socket. */
export const socketLimits = {
  /** Time to say hello, ms. */
  helloMs: 10_000,
  /** Characters of a frame before hello. */
  helloChars: 64 * 1024,
  /** Who speaks is proved anew with each request, and so often while nothing is asked, ms. */
  proofMs: 30_000,
  subscriptions: 64,
  /** Requests that are not answered yet. */
  requests: 32,
  /** Events a subscription may be ahead of its acks, unless it asks for less or more. */
  credit: 256,
  creditMax: 10_000,
} as const;

/** Why a socket was closed. */
export const closeCodes = {
  badFrame: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  helloTimeout: 4408,
  tooMany: 4429,
  stopping: 4503,
} as const;

const closed = { additionalProperties: false } as const;
const runId = Type.String({ pattern: "^rn_[a-zA-Z0-9.]{1,128}$" });
const frameId = Type.String({ minLength: 1, maxLength: FRAME_ID_CHARS_MAX });
const subId = Type.String({ minLength: 1, maxLength: 40 });
const credit = Type.Integer({ minimum: 1, maximum: socketLimits.creditMax });

/** Parameters of a chat. */
export const chatParams = Type.Object(
  {
    agent_key: Type.String({ minLength: 1, maxLength: 100 }),
    message: Type.String({ minLength: 1, maxLength: 200_000 }),
    conversation_key: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    user_key: Type.Optional(userKey),
    on_busy: Type.Optional(
      Type.Union(
        (["enqueue", "interrupt", "reject", "merge", "steer"] as const).map((name) =>
          Type.Literal(name),
        ),
      ),
    ),
    on_disconnect: Type.Optional(Type.Union([Type.Literal("continue"), Type.Literal("cancel")])),
    max_spend: Type.Optional(maxSpendField),
    credit: Type.Optional(credit),
  },
  closed,
);

/** Parameters of a chat. */
export type ChatParams = Static<typeof chatParams>;

/** Parameters by method. */
export const methodParams = {
  hello: Type.Object(
    {
      token: Type.Optional(Type.String({ maxLength: 8_192 })),
      min_protocol: Type.Optional(Type.Integer()),
      max_protocol: Type.Optional(Type.Integer()),
    },
    closed,
  ),
  chat: chatParams,
  cancel: Type.Object(
    { run_id: runId, reason: Type.Optional(Type.String({ maxLength: 500 })) },
    closed,
  ),
  subscribe: Type.Object(
    { run_id: runId, after: Type.Optional(frameId), credit: Type.Optional(credit) },
    closed,
  ),
  /** Subscribe to what comes after an event id that was seen before. */
  resume: Type.Object({ run_id: runId, after: frameId, credit: Type.Optional(credit) }, closed),
  unsubscribe: Type.Object({ sub: subId }, closed),
  ack: Type.Object({ sub: subId, credit }, closed),
} as const;

/** A method's name. */
export type SocketMethod = keyof typeof methodParams;

/** A checked request. */
export type SocketRequest = {
  [Method in SocketMethod]: {
    readonly id: string;
    readonly method: Method;
    readonly params: Static<(typeof methodParams)[Method]>;
    readonly idempotency_key?: string;
  };
}[SocketMethod];

const head = Type.Object(
  {
    type: Type.Literal("req"),
    id: Type.String({ minLength: 1, maxLength: 100 }),
    method: Type.String({ maxLength: 40 }),
    params: Type.Optional(Type.Unknown()),
    idempotency_key: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  },
  closed,
);

/** What came: a request, or a refusal that can name the request it answers. */
export type Parsed =
  | { readonly type: "request"; readonly request: SocketRequest }
  | { readonly type: "refused"; readonly id: string; readonly error: ErrorData };

/** Parses a frame. @throws RuntimeError when it is no `req` frame at all: the socket is closed. */
export function parseFrame(text: string): Parsed {
  const value = parseJson(Buffer.from(text));
  validate(head, value);
  const { id, method, params = {}, ...rest } = value as Static<typeof head>;
  const schema = Object.hasOwn(methodParams, method) ? methodParams[method as SocketMethod] : null;
  if (schema === null) {
    const names = Object.keys(methodParams).join(", ");
    return refused(id, new RuntimeError("INVALID", `There is no such method; there are ${names}.`));
  }
  try {
    validate(schema, params);
  } catch (error) {
    return refused(id, error);
  }
  const request = { id, method, params, ...rest } as unknown as SocketRequest;
  return { type: "request", request };
}

function refused(id: string, error: unknown): Parsed {
  if (!(error instanceof RuntimeError)) throw error;
  const { code, message, details } = error;
  return {
    type: "refused",
    id,
    error: details === undefined ? { code, message } : { code, message, details },
  };
}

/** A positive answer. */
export function resultFrame(id: string, data: unknown): string {
  return JSON.stringify({ type: "res", id, ok: true, data });
}

/** A refusal, in the words of problem details. */
export function errorFrame(id: string, error: ErrorData): string {
  const { status, retryable } = errorTable[error.code];
  const detail = toldError(error).message;
  const pointer = error.details?.["pointer"];
  const retryAfterMs = error.details?.["retryAfterMs"];
  const said = { code: error.code, status, detail, retryable, pointer, ...limitOf(error) };
  const refusal = { ...said, retry_after_ms: retryAfterMs };
  return JSON.stringify({ type: "res", id, ok: false, error: refusal });
}
