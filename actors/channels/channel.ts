// The channel record: one account at a platform, and whom of it answers. `ch_...` under /v2/channels; what
// stands in the configuration or in a gateway.yaml becomes one too.

import type { ResourceKind } from "../records/resource.ts";
import { type Static, Type } from "../schema.ts";
import { HIDDEN } from "../tools/secret-headers.ts";
import { channelLimits } from "./limits.ts";

const closed = { additionalProperties: false } as const;
const ids = (maxItems: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems });

/** Which parts of a place make a session. */
export const sessionScope = Type.Union([
  /** Each thread its own. */
  Type.Literal("thread"),
  /** A whole room shares one. */
  Type.Literal("conversation"),
  /** Everybody has one, wherever they speak. */
  Type.Literal("user"),
]);

/** One of them. */
export type SessionScope = Static<typeof sessionScope>;

/** Hours in which messages are answered. */
export const businessHours = Type.Object(
  {
    /** IANA name. */
    time_zone: Type.String({ minLength: 1, maxLength: 64 }),
    /** `mon-fri 09:00-17:30`, `sat 10:00-14:00`. */
    open: Type.Array(Type.String({ minLength: 9, maxLength: 60 }), { minItems: 1, maxItems: 21 }),
    /** Said once a session outside them. Default: nothing; the message is answered when hours begin. */
    closed_text: Type.Optional(Type.String({ minLength: 1, maxLength: 2_000 })),
  },
  closed,
);

/** What a client sets. */
export const channelInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    /** Of the adapter: "slack". */
    kind: Type.String({ pattern: "^[a-z][a-z0-9_-]{0,31}$" }),
    /** Who answers: an agent, a team or a workflow. */
    agent: Type.String({ pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$" }),
    /** Other agents that `/agent NAME` reaches, by the name that people type. */
    agents: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$" }), {
        maxProperties: 50,
      }),
    ),
    /** Whether it takes and sends messages. Default true. */
    is_active: Type.Optional(Type.Boolean()),
    /** Of the adapter, without secrets. */
    settings: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    /** Of the adapter. Write-only: shown as `***`, which is sent back to keep what is stored. */
    secrets: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 20_000 }))),
    /** Default: the adapter's. */
    session_scope: Type.Optional(sessionScope),
    /** Seconds without a message after which a session begins anew; what was said stays readable. Default 86,400. */
    session_ttl: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
    /** In rooms of several: whom it answers. Default mentions. */
    rooms: Type.Optional(Type.Union([Type.Literal("mentions"), Type.Literal("all")])),
    /** What follows within so many ms is one message. Default 0: each its own. */
    merge_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
    /** What happens to a message while one is answered. Default enqueue. */
    on_busy: Type.Optional(
      Type.Union([
        Type.Literal("enqueue"),
        Type.Literal("interrupt"),
        Type.Literal("merge"),
        Type.Literal("steer"),
      ]),
    ),
    /** Answers are shown while they are written, where the platform can edit. Default false. */
    live: Type.Optional(Type.Boolean()),
    /** Seconds after which an answer is not sent any more. Default: the adapter's. */
    deliver_within: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_592_000 })),
    /** Ids of senders, as the platform has them; none else is heard. Default: everybody. */
    allow: Type.Optional(ids(10_000)),
    deny: Type.Optional(ids(10_000)),
    /** Whether other programs are heard, within a budget against loops. Default false. */
    bots: Type.Optional(Type.Boolean()),
    /** Messages of one sender in a minute; more are told so once and dropped. Default 60. */
    messages_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    /** Answers to one correspondent in an hour, against loops. Default: the adapter's. */
    replies_per_hour: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    /** Who may decide approvals there: ids of senders, `requester` for who asked. Default nobody. */
    approvers: Type.Optional(ids(1_000)),
    business_hours: Type.Optional(businessHours),
    /** Names of the operator's own middleware (`gateway.middleware`), in order. */
    middleware: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-zA-Z][a-zA-Z0-9_-]{0,63}$" }), { maxItems: 20 }),
    ),
    /** Language that sessions' own words are in: `en`, `de`, ... Default en. */
    language: Type.Optional(Type.String({ pattern: "^[a-z]{2}(-[A-Za-z0-9]{2,8})?$" })),
  },
  closed,
);

/** What a client sends to create a channel. */
export type ChannelInput = Static<typeof channelInput>;

/** Channels, `ch_...` under /v2/channels. */
export const channelKind: ResourceKind<ChannelInput> = {
  name: "channel",
  path: "channels",
  prefix: "ch",
  input: channelInput,
  searched: ["name"],
  filters: ["name", "kind", "agent", "is_active"],
  sorts: ["name", "kind"],
  max: channelLimits.accounts,
  shown: (fields) => withSecrets(fields, () => HIDDEN),
  stored: (sent, before) =>
    withSecrets(sent, (secret, name) =>
      secret === HIDDEN
        ? ((before as Partial<ChannelInput> | undefined)?.secrets?.[name] ?? secret)
        : secret,
    ),
};

/** A record with each of its secrets mapped. */
export function withSecrets<Fields extends object>(
  fields: Fields,
  map: (secret: string, name: string) => string,
): Fields {
  const { secrets } = fields as Partial<ChannelInput>;
  if (secrets === undefined || secrets === null || typeof secrets !== "object") return fields;
  const mapped = Object.entries(secrets).map(([name, secret]) => [
    name,
    typeof secret === "string" ? map(secret, name) : secret,
  ]);
  return { ...fields, secrets: Object.fromEntries(mapped) };
}
