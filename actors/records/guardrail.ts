// A guardrail as data: what is looked at, what is looked for, and what is done about it. They stand on
// agents, sub-agents, teams and workflows as a chain in order, and on the tenant as one that goes before
// all of those.

import { type Static, Type } from "../schema.ts";
import { quorumInput } from "./approval.ts";

/** Limits of guardrails; texts in UTF-16 units. */
export const guardrailLimits = {
  /** Of one chain. */
  rules: 20,
  nameChars: 64,
  messageChars: 1_000,
  patterns: 50,
  patternChars: 1_000,
  words: 500,
  wordChars: 100,
  /** Longest text that a rule may bound. */
  lengthMax: 10_000_000,
  policyChars: 8_000,
  /** Name of a model, or of several that are asked in turn. */
  modelChars: 200,
  /** Of a text that a judge reads; a longer one counts as not judged. */
  judgedChars: 60_000,
  /** Tokens of a judge's verdict. */
  judgeTokens: 200,
  /** How long a judge has, ms: least, most, and unless a rule says. */
  judgeMsMin: 100,
  judgeMsMax: 60_000,
  judgeMs: 10_000,
  /** Shortest and longest match that a pattern finds in streamed text for sure, and unless a rule says. */
  windowMin: 16,
  windowMax: 4_096,
  windowChars: 128,
  /** Places that one finding names; how many there were is counted. */
  spans: 50,
  /** Findings of one run that are kept and told. */
  findings: 100,
} as const;

const closed = { additionalProperties: false } as const;
const texts = (items: number, chars: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: chars }), { minItems: 1, maxItems: items });
const length = (minimum: number) =>
  Type.Optional(Type.Integer({ minimum, maximum: guardrailLimits.lengthMax }));

/** Where a guardrail looks. `retrieved`: passages of collections, and memories. */
export const guardPlace = Type.Union([
  Type.Literal("input"),
  Type.Literal("tool_arguments"),
  Type.Literal("tool_results"),
  Type.Literal("retrieved"),
  Type.Literal("output"),
]);

/** Personal data that is found, and secrets. */
export const piiEntity = Type.Union([
  Type.Literal("email"),
  Type.Literal("phone"),
  Type.Literal("card"),
  Type.Literal("iban"),
  Type.Literal("ssn"),
  Type.Literal("ip"),
  Type.Literal("secret"),
]);

/** What is looked for. */
export const guardCheck = Type.Union([
  Type.Object(
    {
      type: Type.Literal("length"),
      min_chars: length(1),
      max_chars: length(0),
      /** Estimated, as everywhere. */
      max_tokens: length(0),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("pattern"),
      /** RE2: linear in the text. A text in which one is found is a finding. */
      deny: Type.Optional(texts(guardrailLimits.patterns, guardrailLimits.patternChars)),
      /** A text in which none of these is found is a finding. */
      allow: Type.Optional(texts(guardrailLimits.patterns, guardrailLimits.patternChars)),
      /** Default false. */
      case_sensitive: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("words"),
      /** As whole words, in any case. */
      words: texts(guardrailLimits.words, guardrailLimits.wordChars),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("pii"),
      /** Default all. */
      entities: Type.Optional(Type.Array(piiEntity, { minItems: 1, maxItems: 7 })),
      /** ISO 3166 countries whose national numbers are phone numbers too. Default none. */
      phone_regions: Type.Optional(
        Type.Array(Type.String({ pattern: "^[A-Z]{2}$" }), { maxItems: 10 }),
      ),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("injection"),
      /** Score from which a text is a finding. Default 0.5. */
      threshold: Type.Optional(Type.Number({ minimum: 0.05, maximum: 1 })),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("schema"),
      /** JSON Schema 2020-12 that a value has to fit; a text has to be JSON that does. */
      schema: Type.Record(Type.String(), Type.Unknown()),
    },
    closed,
  ),
  Type.Object(
    {
      type: Type.Literal("judge"),
      /** What is not to be: the model says how surely a text is against it. */
      policy: Type.String({ minLength: 1, maxLength: guardrailLimits.policyChars }),
      /** As agents name models. Default: the operator's default model. */
      model: Type.Optional(Type.String({ minLength: 1, maxLength: guardrailLimits.modelChars })),
      /** How sure it has to be for a finding, 0..1. Default 0.5. */
      threshold: Type.Optional(Type.Number({ minimum: 0.05, maximum: 1 })),
      /** Default 10,000. */
      timeout_ms: Type.Optional(
        Type.Integer({
          minimum: guardrailLimits.judgeMsMin,
          maximum: guardrailLimits.judgeMsMax,
        }),
      ),
      /** Whether a text that could not be judged is a finding. Default `find`: it is. */
      on_failure: Type.Optional(Type.Union([Type.Literal("find"), Type.Literal("pass")])),
    },
    closed,
  ),
]);

/** What is done about a finding. `ask`: a person decides; declined, it is blocked. */
export const guardAction = Type.Union([
  Type.Literal("block"),
  Type.Literal("redact"),
  Type.Literal("flag"),
  Type.Literal("ask"),
]);

/** One guardrail. */
export const guardrail = Type.Object(
  {
    /** Names it in findings. Default: the type of its check and its place in the chain. */
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: guardrailLimits.nameChars, pattern: "^[^\\p{C}]*$" }),
    ),
    on: Type.Array(guardPlace, { minItems: 1, maxItems: 5 }),
    check: guardCheck,
    action: guardAction,
    /** What the user reads in place of what was blocked. */
    message: Type.Optional(Type.String({ minLength: 1, maxLength: guardrailLimits.messageChars })),
    /**
     * Of a pattern on streamed output: the longest match that is found for sure. So much text is held back.
     * Default 128.
     */
    window_chars: Type.Optional(
      Type.Integer({ minimum: guardrailLimits.windowMin, maximum: guardrailLimits.windowMax }),
    ),
    /** Of `ask`: who has to agree. Default: anybody who may decide, once. */
    approvals: Type.Optional(quorumInput),
    /** True: nothing of an output is shown before all of it was checked. Default false. */
    hold: Type.Optional(Type.Boolean()),
  },
  closed,
);

/** A chain, in order: a rule looks at what those before it have left. */
export const guardrails = Type.Array(guardrail, { maxItems: guardrailLimits.rules });

export type Guardrail = Static<typeof guardrail>;
export type GuardCheck = Static<typeof guardCheck>;
export type GuardAction = Static<typeof guardAction>;
export type GuardPlace = Static<typeof guardPlace>;
export type PiiEntity = Static<typeof piiEntity>;

/** Where findings are counted. */
export interface GuardFigures {
  found(check: GuardCheck["type"], action: GuardAction): void;
}

/** What a guardrail has found: never the text itself. */
export interface Finding {
  readonly rule: string;
  /** Whose rule: an id, or "tenant". */
  readonly of: string;
  readonly on: GuardPlace;
  readonly action: GuardAction;
  /** For people: what was found. */
  readonly reason: string;
  /** How many places of the text are meant; 0: all of it. */
  readonly count: number;
  /** The first of them, in UTF-16 units of the text as it came to the rule. */
  readonly spans: readonly {
    readonly start: number;
    readonly end: number;
    readonly type: string;
  }[];
  /** What of the run it was: a tool, a collection. */
  readonly at?: string;
}

/** A chain by its owner, which is an agent, a team, a workflow, or the tenant. */
export interface GuardRef {
  readonly id: string;
  readonly version: number;
}

/** What guardrails have to say to the run of a message that was accepted. */
export interface GuardInput {
  /** Chains that hold beside that of who is asked. */
  readonly guards?: readonly GuardRef[];
  /** What was found in the message. */
  readonly screened?: readonly Finding[];
}

/** What may go through guardrails before it is accepted. */
export interface Screenable {
  /** Chains that hold for its run, and what they have found in it. */
  readonly guard?: GuardInput;
}

/** What guardrails may have found something in. */
export interface WithFindings {
  /** Never the text itself. */
  readonly guardrails?: readonly Finding[];
}
