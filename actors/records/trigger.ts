// The trigger record: when an agent, a team or a workflow is set to work without anybody asking, and with what.
// Which fields a trigger has follows from its `type` (`startup`: each start of the server; `webhook`: a signed
// delivery to /hooks/tr_...; `event`: what happens to another record); adapters/http/resources/trigger-rules.ts checks that.

import { type Static, Type } from "../schema.ts";
import type { ResourceKind } from "./resource.ts";
import { secretFields } from "./secret-fields.ts";

/** Limits of triggers; texts in characters. */
export const triggerLimits = {
  /** Triggers of a tenant. */
  records: 10_000,
  nameChars: 200,
  descriptionChars: 4_000,
  inputChars: 32_000,
  cronChars: 200,
  zoneChars: 64,
  /** Seconds between two occurrences of `every`, a year at most, and of `jitter`, an hour. */
  everyS: 366 * 86_400,
  jitterS: 3_600,
  /** Occurrences that may wait while one is at work. */
  queue: 1_000,
  queueDefault: 100,
  /** Occurrences that the ledger keeps of a trigger. */
  kept: 1_000,
  /** What is later than this was missed, ms. */
  lateMs: 60_000,
  /** Of what was missed with `missed: all`, the newest; those before are skipped. */
  missed: 100,
  /** Missed times that are counted one by one; of more than that the rest is passed over as a whole. */
  missedLook: 1_000,
  /** Bytes of what an occurrence was told (a change, what one that is set off is given), as JSON. */
  dataBytes: 64 * 1_024,
  /** Bytes of what those that wait were told, all of a trigger; one more is skipped. */
  waitingBytes: 2 * 1_024 * 1_024,
  /** Bytes of a webhook's body, and of what is made of it, as JSON. */
  hookBytes: 256 * 1_024,
  hookDataBytes: 512 * 1_024,
  /** Characters of what an occurrence was told that lists show, as JSON. */
  listedChars: 16_384,
  /** Signed deliveries a second that a webhook takes, and at once. */
  hookPerSecond: 50,
  hookBurst: 500,
  /** Deliveries a second of one address that are not signed, and at once. */
  unsignedPerSecond: 1,
  unsignedBurst: 60,
  /** Triggers that listen to one record. */
  listeners: 50,
  /** Triggers of which one was set off by the work of the one before; the next is skipped. */
  eventDepth: 8,
  /** Characters of an answer or a message that is told to triggers. */
  eventChars: 8_000,
  secretChars: 1_000,
  headerChars: 64,
  /** For how long an event is known again, days. */
  seenDays: 30,
  /** A clock that is so far behind what it showed was wrong then, ms: what it skipped may come again. */
  backMs: 86_400_000,
  /** Seconds that an occurrence may work, a day at most. */
  timeoutS: 86_400,
  /** How long an occurrence is tried to be begun while it is refused for reasons that pass, ms. */
  launchMs: 3_600_000,
} as const;

const closed = { additionalProperties: false } as const;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** What a client sets. */
export const triggerInput = Type.Object(
  {
    name: text(triggerLimits.nameChars),
    description: Type.Optional(Type.String({ maxLength: triggerLimits.descriptionChars })),
    /** Agent, team or workflow that works. */
    target: Type.String({ pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$" }),
    type: Type.Union([
      Type.Literal("schedule"),
      Type.Literal("startup"),
      Type.Literal("webhook"),
      Type.Literal("event"),
    ]),
    /** What it is asked; default: a sentence that says what has happened. What has happened follows as data. */
    input: Type.Optional(text(triggerLimits.inputChars)),
    /** Default true. What happens meanwhile is skipped, and times that pass are not made up for. */
    is_active: Type.Optional(Type.Boolean()),
    /** Of `schedule`, one of three: five fields, or six with seconds first. */
    cron: Type.Optional(text(triggerLimits.cronChars)),
    /** Seconds between two occurrences, counted from `from`. */
    every: Type.Optional(Type.Integer({ minimum: 1, maximum: triggerLimits.everyS })),
    /** Once, ISO 8601. */
    at: Type.Optional(Type.String({ format: "date-time", maxLength: 40 })),
    /** Of `cron`; default UTC. */
    time_zone: Type.Optional(text(triggerLimits.zoneChars)),
    /** Of `every`; default: the Unix epoch, so that hourly is on the hour. */
    from: Type.Optional(Type.String({ format: "date-time", maxLength: 40 })),
    /** Seconds by which occurrences are late at most, each by its own share of it. Default 0. */
    jitter: Type.Optional(Type.Integer({ minimum: 0, maximum: triggerLimits.jitterS })),
    /** What becomes of times that passed while nothing ran: nothing, one run for all of them, or one each. Default `once`. */
    missed: Type.Optional(
      Type.Union([Type.Literal("skip"), Type.Literal("once"), Type.Literal("all")]),
    ),
    /** Of `webhook`, what deliveries are signed with: `signing`. Several, with a space between them, are good at once. Write-only: shown as `***`, which is sent back to keep what is stored. */
    secrets: Type.Optional(Type.Object({ signing: text(triggerLimits.secretChars) }, closed)),
    /** Of `webhook`: a header with `sha256=` and the body's HMAC in hex, such as X-Hub-Signature-256 of GitHub. Default: Standard Webhooks. */
    signature_header: Type.Optional(
      Type.String({ pattern: "^[A-Za-z0-9-]+$", maxLength: triggerLimits.headerChars }),
    ),
    /** Of `event`, what it listens to. */
    on: Type.Optional(
      Type.Object(
        {
          /** The end of a run of an agent, team or workflow that was asked itself; a message that a channel gives to its agent; the end of an ingestion that has changed a collection, or failed. */
          what: Type.Union([
            Type.Literal("run"),
            Type.Literal("channel_message"),
            Type.Literal("document"),
          ]),
          /** Id of the agent, team or workflow, the channel, or the collection. */
          of: Type.String({ pattern: "^(ag|tm|wf|ch|cl)_[A-Za-z0-9]{1,61}$" }),
          /** Of `run` and `document`. Default: any. */
          outcome: Type.Optional(
            Type.Array(
              Type.Union([
                Type.Literal("completed"),
                Type.Literal("failed"),
                Type.Literal("cancelled"),
              ]),
              { minItems: 1, maxItems: 3, uniqueItems: true },
            ),
          ),
        },
        closed,
      ),
    ),
    /** What becomes of an occurrence while another one is at work. Default `queue`; of a schedule `skip`. */
    concurrency: Type.Optional(
      Type.Union([Type.Literal("skip"), Type.Literal("queue"), Type.Literal("replace")]),
    ),
    /** Occurrences that may wait; one more is skipped. Default 100. */
    queue_max: Type.Optional(Type.Integer({ minimum: 1, maximum: triggerLimits.queue })),
    /** A conversation for each occurrence, or one for all. Default `new`. */
    conversation: Type.Optional(Type.Union([Type.Literal("new"), Type.Literal("one")])),
    /** Seconds that one may work. Default 600. */
    timeout: Type.Optional(Type.Integer({ minimum: 1, maximum: triggerLimits.timeoutS })),
  },
  closed,
);

/** What a client sets. */
export type TriggerInput = Static<typeof triggerInput>;

/** Triggers, `tr_...` under /v2/triggers. */
export const triggerKind: ResourceKind<TriggerInput> = {
  name: "trigger",
  path: "triggers",
  prefix: "tr",
  input: triggerInput,
  searched: ["name", "description"],
  filters: ["name", "type", "target", "is_active"],
  sorts: ["name", "type"],
  max: triggerLimits.records,
  ...secretFields,
};
