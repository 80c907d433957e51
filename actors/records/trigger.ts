// The trigger record: when an agent, a team or a workflow is set to work without anybody asking, and with what.
// Which fields a trigger has follows from its `type` (`startup`: each start of the server; `webhook`: a signed
// delivery to /hooks/tr_...; `event`: what happens to another record; `file_change`: what happens to files in a
// granted folder); adapters/http/resources/trigger-rules.ts checks that.

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
  /** Of `file_change`: characters of the folder, globs and characters of one. */
  pathChars: 1_024,
  globs: 16,
  globChars: 200,
  /** Seconds for which a file rests before it is told of, and between two looks at everything. */
  settleS: 3_600,
  pollS: 86_400,
  /** Changes of one occurrence. */
  batchMax: 500,
  batchDefault: 100,
  /** Changes that are told in one turn, and turns a second. */
  filesPerTurn: 50,
  fileTurnsPerSecond: 4,
  /** Bytes of one change, as JSON: its paths at their longest. */
  pathBytes: 16 * 1_024,
  /** Seconds that an occurrence may work, a day at most. */
  timeoutS: 86_400,
  /** How long an occurrence is tried to be begun while it is refused for reasons that pass, ms. */
  launchMs: 3_600_000,
  /** For how long what begins or stops work may stand still with the server, ms: what has begun is known after that, too. */
  launchRunMs: 366 * 86_400_000,
} as const;

/** What happens to files. */
export const fileEvents = ["added", "changed", "removed", "renamed"] as const;

const closed = { additionalProperties: false } as const;
const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });
const seconds = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description });
const moment = (description: string) =>
  Type.String({ format: "date-time", maxLength: 40, description });

/** Of `schedule`. */
const scheduleFields = {
  cron: Type.Optional(
    text(
      triggerLimits.cronChars,
      "Of `schedule`, one of three: five fields (minute, hour, day, month, weekday), or six with seconds first. Where the hour is not `*` it names times of day: one that clocks show twice comes once, and one that they leave out comes when they have passed it.",
    ),
  ),
  every: Type.Optional(
    seconds(1, triggerLimits.everyS, "Seconds between two occurrences, counted from `from`."),
  ),
  at: Type.Optional(
    moment("Once, ISO 8601. A new trigger with a time that has passed is refused."),
  ),
  time_zone: Type.Optional(
    text(triggerLimits.zoneChars, "Of `cron`: an IANA time zone. Default UTC."),
  ),
  from: Type.Optional(
    moment("Of `every`. Default: the Unix epoch, so that hourly is on the hour."),
  ),
  jitter: Type.Optional(
    seconds(
      ...([0, triggerLimits.jitterS] as const),
      "Seconds by which occurrences are late at most, each by its own share of it, and none beyond the one that follows. Default 0.",
    ),
  ),
  missed: Type.Optional(
    Type.Union([Type.Literal("skip"), Type.Literal("once"), Type.Literal("all")], {
      description: `What becomes of times that passed while nothing ran, or were late by more than ${triggerLimits.lateMs / 1_000} seconds: nothing, one run for all of them, or one each (the newest ${triggerLimits.missed}). Default \`once\`.`,
    }),
  ),
};

/** Of `webhook`. */
const webhookFields = {
  secrets: Type.Optional(
    Type.Object(
      {
        signing: text(
          triggerLimits.secretChars,
          "What deliveries are signed with. Several, with a space between them, are good at once.",
        ),
      },
      {
        ...closed,
        description:
          "Of `webhook`. Write-only: shown as `***`, which is sent back to keep what is stored.",
      },
    ),
  ),
  signature_header: Type.Optional(
    Type.String({
      pattern: "^[A-Za-z0-9-]+$",
      maxLength: triggerLimits.headerChars,
      description:
        "Of `webhook`: a header with `sha256=` and the body's HMAC in hex, such as X-Hub-Signature-256 of GitHub. Default: Standard Webhooks.",
    }),
  ),
};

/** Of `event`. */
const eventFields = {
  on: Type.Optional(
    Type.Object(
      {
        what: Type.Union(
          [Type.Literal("run"), Type.Literal("channel_message"), Type.Literal("document")],
          {
            description:
              "The end of a run of an agent, team or workflow that was asked itself; a message that a channel gives to its agent; the end of an ingestion that has changed a collection, or failed.",
          },
        ),
        of: Type.String({
          pattern: "^(ag|tm|wf|ch|cl)_[A-Za-z0-9]{1,61}$",
          description: "Id of the agent, team or workflow, the channel, or the collection.",
        }),
        outcome: Type.Optional(
          Type.Array(
            Type.Union([
              Type.Literal("completed"),
              Type.Literal("failed"),
              Type.Literal("cancelled"),
            ]),
            {
              ...{ minItems: 1, maxItems: 3, uniqueItems: true },
              description: "Of `run` and `document`. Default: any.",
            },
          ),
        ),
      },
      { ...closed, description: "Of `event`, what it listens to." },
    ),
  ),
};

/** Of `file_change`. */
const fileFields = {
  path: Type.Optional(
    text(
      triggerLimits.pathChars,
      'Of `file_change`: a folder that the operator granted (`tools.folders`), as "name/below", or its absolute path. Links in it are not followed.',
    ),
  ),
  globs: Type.Optional(
    Type.Array(text(triggerLimits.globChars, "A glob."), {
      ...{ minItems: 1, maxItems: triggerLimits.globs },
      description:
        'Of paths below `path`, such as "*.csv" or "reports/**/2026-*.md": a file that fits one of them is watched. Default: all but those whose name, or a folder\'s, begins with a dot or ends with ~.',
    }),
  ),
  recursive: Type.Optional(
    Type.Boolean({ description: "Whether folders in it are watched, too. Default true." }),
  ),
  events: Type.Optional(
    Type.Array(
      Type.Union([
        Type.Literal("added"),
        Type.Literal("changed"),

        Type.Literal("removed"),
        Type.Literal("renamed"),
      ]),
      {
        ...{ minItems: 1, maxItems: fileEvents.length, uniqueItems: true },
        description:
          "What is told. Without `renamed`, a file with another name is one that was removed and one that was added. Default: all.",
      },
    ),
  ),
  settle: Type.Optional(
    seconds(
      ...([1, triggerLimits.settleS] as const),
      "Seconds for which a file's size and time must stay as they are before it is told of. Default 2.",
    ),
  ),
  batch: Type.Optional(
    seconds(
      ...([1, triggerLimits.batchMax] as const),
      `Changes that one occurrence is told at most; 1: each file has its own. Default ${triggerLimits.batchDefault}.`,
    ),
  ),
  poll: Type.Optional(
    seconds(
      ...([1, triggerLimits.pollS] as const),
      "Seconds between two looks at the whole folder, for file systems that do not tell of changes, such as those of a network. Default: six hours where the system tells of changes, else 10 seconds.",
    ),
  ),
};

/** What a client sets. */
export const triggerInput = Type.Object(
  {
    name: text(triggerLimits.nameChars, "What people call it."),
    description: Type.Optional(Type.String({ maxLength: triggerLimits.descriptionChars })),
    target: Type.String({
      pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$",
      description: "Id of the agent, team or workflow that works.",
    }),
    type: Type.Union(
      [
        Type.Literal("schedule"),
        Type.Literal("startup"),
        Type.Literal("webhook"),

        Type.Literal("event"),
        Type.Literal("file_change"),
      ],
      {
        description:
          "What sets it off: times, each start of the server, a signed delivery to /hooks/{id}, what happens to another record, or what happens to files.",
      },
    ),
    input: Type.Optional(
      text(
        triggerLimits.inputChars,
        "What the target is asked. Default: a sentence that says what has happened. What has happened follows as data.",
      ),
    ),
    is_active: Type.Optional(
      Type.Boolean({
        description:
          "Default true. What happens meanwhile is skipped, and times that pass are not made up for: the ledger has them as one row when it is active again.",
      }),
    ),
    ...scheduleFields,
    ...webhookFields,
    ...eventFields,
    ...fileFields,
    concurrency: Type.Optional(
      Type.Union([Type.Literal("skip"), Type.Literal("queue"), Type.Literal("replace")], {
        description:
          "What becomes of an occurrence while another one is at work: it is skipped, waits, or takes its place. Default `queue`; of a schedule `skip`, where `missed` is not `all`.",
      }),
    ),
    queue_max: Type.Optional(
      seconds(
        ...([1, triggerLimits.queue] as const),
        `Occurrences that may wait; one more is skipped. Changes of files are told later instead, with what came of them, and deliveries are refused until there is room. Default ${triggerLimits.queueDefault}.`,
      ),
    ),
    conversation: Type.Optional(
      Type.Union(
        [
          Type.Literal("new"),
          Type.Literal("one"),
          Type.String({ pattern: "^cv_[A-Za-z0-9]{1,61}$" }),
        ],
        {
          description:
            "A conversation for each occurrence, one for all, or one of the target's that is there (`cv_...`): what is answered in that one also goes to the channel that it came from. Default `new`.",
        },
      ),
    ),
    timeout: Type.Optional(
      seconds(1, triggerLimits.timeoutS, "Seconds that one may work. Default 600."),
    ),
  },
  closed,
);

/** The conversation that a trigger speaks in, where it is one that was there before; null: it opens its own. */
export function joinedBy({ conversation }: Pick<TriggerInput, "conversation">): string | null {
  return conversation?.startsWith("cv_") ? conversation : null;
}

/** What a client sets. */
export type TriggerInput = Static<typeof triggerInput>;

/** Triggers, `tr_...` under /v2/triggers. */
export const triggerKind: ResourceKind<TriggerInput> = {
  name: "trigger",
  path: "triggers",
  prefix: "tr",
  input: triggerInput,
  searched: ["name", "description"],
  filters: ["name", "type", "target", "conversation", "is_active"],
  sorts: ["name", "type"],
  max: triggerLimits.records,
  ...secretFields,
};
