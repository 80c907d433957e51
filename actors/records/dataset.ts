// Data sets: conversations with what is expected of the answer. The set is a record like any other; its
// items are rows of a table of their own, `dataset-items`, under `<data set>.<item>`, and `dataset-counts`
// holds how many there are, so that the limit is kept however many are added at once.

import { type Static, Type } from "../schema.ts";
import type { ResourceKind } from "./resource.ts";

/** Limits of data sets; texts in characters. */
export const datasetLimits = {
  nameChars: 200,
  descriptionChars: 4_000,
  /** Data sets of a tenant. */
  records: 1_000,
  items: 10_000,
  itemsAtOnce: 1_000,
  /** Of one item, as JSON. */
  itemBytes: 64 * 1_024,
  uploadBytes: 16 * 1_024 * 1_024,
  messages: 100,
  messageChars: 50_000,
  facts: 50,
  factChars: 1_000,
  routes: 20,
  routeChars: 200,
  tags: 20,
  tagChars: 64,
} as const;

const closed = { additionalProperties: false } as const;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** One message of a conversation. */
export const datasetMessage = Type.Object(
  {
    role: Type.Union([Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant")]),
    content: text(datasetLimits.messageChars),
  },
  closed,
);

/** What is expected of the answer; each scorer looks at its own part. */
export const expectedOutcome = Type.Object(
  {
    text: Type.Optional(Type.String({ maxLength: datasetLimits.messageChars })),
    /** JSON Schema of the answer. */
    schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    /** Who answers: name or key of a sub-agent, `SUPERVISOR`, a team's name; of a compound message several. */
    route: Type.Optional(
      Type.Union([
        text(datasetLimits.routeChars),
        Type.Array(text(datasetLimits.routeChars), {
          minItems: 1,
          maxItems: datasetLimits.routes,
        }),
      ]),
    ),
    /** What the answer must say. */
    facts: Type.Optional(
      Type.Array(text(datasetLimits.factChars), { minItems: 1, maxItems: datasetLimits.facts }),
    ),
  },
  closed,
);

const tags = Type.Array(text(datasetLimits.tagChars), { maxItems: datasetLimits.tags });

/** An item as a client sends it. */
export const itemInput = Type.Object(
  {
    /** What was said, oldest first; the last one is the user's, which is answered. */
    messages: Type.Optional(
      Type.Array(datasetMessage, { minItems: 1, maxItems: datasetLimits.messages }),
    ),
    /** Typed input of a workflow, in place of messages. */
    input: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
    expected: Type.Optional(expectedOutcome),
    /** Values of variables of the agent's prompt. */
    variables: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
    tags: Type.Optional(tags),
  },
  closed,
);

/** A run that was recorded, as an item: what it was asked, and its answer as what is expected. */
export const runItemInput = Type.Object(
  {
    run_id: Type.String({ pattern: "^rn_[A-Za-z0-9]{1,61}$" }),
    /** In place of the run's own answer and routing. */
    expected: Type.Optional(expectedOutcome),
    tags: Type.Optional(tags),
  },
  closed,
);

/** An item as a client sends it. */
export type ItemInput = Static<typeof itemInput>;
/** What is expected of an answer. */
export type ExpectedOutcome = Static<typeof expectedOutcome>;
/** One message of a conversation. */
export type DatasetMessage = Static<typeof datasetMessage>;

/** A stored item. Times are ISO 8601. */
export interface DatasetItem extends ItemInput {
  readonly id: string;
  readonly dataset_id: string;
  /** The run it was recorded from; null for one that was sent. */
  readonly run_id: string | null;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Table of items, and of how many each data set has. */
export const itemsTable = "dataset-items";
export const countsTable = "dataset-counts";

/** Id of an item's row. */
export const itemRowId = (dataset: string, item: string): string => `${dataset}.${item}`;

/** What a client sets of a data set. */
export const datasetInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: datasetLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: datasetLimits.descriptionChars })),
    tags: Type.Optional(tags),
  },
  closed,
);

/** What a client sets of a data set. */
export type DatasetInput = Static<typeof datasetInput>;

/** Data sets under /v2/datasets. */
export const datasetKind: ResourceKind<DatasetInput> = {
  name: "dataset",
  path: "datasets",
  prefix: "ds",
  input: datasetInput,
  searched: ["name", "description"],
  filters: ["name", "tags"],
  sorts: ["name"],
  max: datasetLimits.records,
};
