// The channel record: one account at a platform, and whom of it answers. `ch_...` under /v2/channels; what
// stands in the configuration or in a gateway.yaml becomes one too.

import type { ResourceKind } from "../records/resource.ts";
import { secretFields } from "../records/secret-fields.ts";
import { type Static, Type } from "../schema.ts";
import { channelLimits } from "./limits.ts";

const closed = { additionalProperties: false } as const;
const ids = (maxItems: number, description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems, description });

/** Which parts of a place make a session. */
export const sessionScope = Type.Union(
  [Type.Literal("thread"), Type.Literal("conversation"), Type.Literal("user")],
  {
    description:
      "What shares a session: each thread its own, a whole room one, or everybody one wherever they speak. Default: its kind's.",
  },
);

/** One of them. */
export type SessionScope = Static<typeof sessionScope>;

/** Hours in which messages are answered. */
export const businessHours = Type.Object(
  {
    time_zone: Type.String({ minLength: 1, maxLength: 64, description: "IANA name." }),
    open: Type.Array(Type.String({ minLength: 9, maxLength: 60 }), {
      minItems: 1,
      maxItems: 21,
      description: "`mon-fri 09:00-17:30`, `sat 10:00-14:00`.",
    }),
    closed_text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2_000,
        description:
          "Said once a session outside of them; the message is answered when hours begin.",
      }),
    ),
  },
  { ...closed, description: "Hours in which messages are answered. Default: always." },
);

/** What a client sets. */
export const channelInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    kind: Type.String({
      pattern: "^[a-z][a-z0-9_-]{0,31}$",
      description: "Of the adapter: slack, whatsapp, email, webhook, web_chat, ...",
    }),
    agent: Type.String({
      pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$",
      description: "Who answers: an agent, a team or a workflow.",
    }),
    agents: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$" }), {
        maxProperties: 50,
        description:
          "Ids of others that `/agent NAME` reaches, by the name that people type; in a file of channels their names too.",
      }),
    ),
    is_active: Type.Optional(
      Type.Boolean({ description: "Whether it takes and sends messages. Default true." }),
    ),
    settings: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: "Of its kind, without secrets.",
      }),
    ),
    secrets: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 20_000 }), {
        description:
          "Of its kind. Write-only: shown as `***`, which is sent back to keep what is stored.",
      }),
    ),
    session_scope: Type.Optional(sessionScope),
    session_ttl: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 31_536_000,
        description:
          "Seconds without a message after which a session begins anew; what was said stays readable. Default 86400.",
      }),
    ),
    rooms: Type.Optional(
      Type.Union([Type.Literal("mentions"), Type.Literal("all")], {
        description: "In rooms of several: whom it answers. Default mentions.",
      }),
    ),
    merge_ms: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 60_000,
        description: "What follows within so many ms is one message. Default 0: each its own.",
      }),
    ),
    on_busy: Type.Optional(
      Type.Union(
        [
          Type.Literal("enqueue"),
          Type.Literal("interrupt"),
          Type.Literal("merge"),
          Type.Literal("steer"),
        ],
        { description: "What happens to a message while one is answered. Default enqueue." },
      ),
    ),
    live: Type.Optional(
      Type.Boolean({
        description:
          "Answers are shown while they are written, where the platform can edit. Default false.",
      }),
    ),
    deliver_within: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_592_000,
        description: "Seconds after which an answer is not sent any more. Default: its kind's.",
      }),
    ),
    allow: Type.Optional(
      ids(10_000, "Senders by the platform's id; none else is heard. Default: everybody."),
    ),
    deny: Type.Optional(ids(10_000, "Senders that are not heard.")),
    bots: Type.Optional(
      Type.Boolean({
        description:
          "Whether other programs are heard, within a budget against loops. Default false.",
      }),
    ),
    messages_per_minute: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: "Of one sender; more are told so once and dropped. Default 60.",
      }),
    ),
    replies_per_hour: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description: "Answers to one session, against loops; more stay in the outbox. Default 120.",
      }),
    ),
    approvers: Type.Optional(
      ids(
        1_000,
        "Who may decide approvals there: senders by id, `requester` for who asked. Default nobody.",
      ),
    ),
    business_hours: Type.Optional(businessHours),
    middleware: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-zA-Z][a-zA-Z0-9_-]{0,63}$" }), {
        maxItems: 20,
        description: "Names of the operator's own middleware, in order.",
      }),
    ),
    linking: Type.Optional(
      Type.Boolean({
        description:
          "Whether `/link` joins what a person is on several channels, where the platform vouches for its senders. Default true; with sms, whose senders are easily forged, false.",
      }),
    ),
    managed_by: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          "Gateway whose file says what it is: when no gateway that runs names it any more, it is switched off.",
      }),
    ),
    language: Type.Optional(
      Type.String({
        pattern: "^[a-z]{2}(-[A-Za-z0-9]{2,8})?$",
        description: "Language that the session's own few words are in: en, de. Default en.",
      }),
    ),
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
  ...secretFields,
};
