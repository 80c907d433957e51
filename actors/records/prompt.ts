// The prompt record: a text with places for typed variables and with other prompts in it, kept in
// versions. What stands in a template, and how it is filled, is said in actors/prompts.

import { type Static, Type } from "../schema.ts";
import type { ResourceKind } from "./resource.ts";

/** Limits of prompts; texts in characters. */
export const promptLimits = {
  nameChars: 200,
  descriptionChars: 4_000,
  templateChars: 32_000,
  variables: 64,
  variableChars: 64,
  choices: 100,
  choiceChars: 200,
  /** Of all values that come with a run, as JSON: what waits is kept in a conversation's state. */
  valuesChars: 16_000,
  /** Prompts of a tenant. */
  records: 5_000,
} as const;

/** A name in a template. */
const variableName = Type.String({
  pattern: `^[A-Za-z_][A-Za-z0-9_]{0,${promptLimits.variableChars - 1}}$`,
});

/** What a value of a variable must be; `enum` is one of `values`. */
const variableType = Type.Union([
  Type.Literal("string"),
  Type.Literal("number"),
  Type.Literal("integer"),
  Type.Literal("boolean"),
  Type.Literal("array"),
  Type.Literal("object"),
  Type.Literal("enum"),
]);

/** A variable. One that is not required and has no default is empty where it is not given. */
export const promptVariable = Type.Object(
  {
    name: variableName,
    type: variableType,
    /** Default false. */
    required: Type.Optional(Type.Boolean()),
    default: Type.Optional(Type.Unknown()),
    description: Type.Optional(Type.String({ maxLength: promptLimits.descriptionChars })),
    /** The choices of an `enum`. */
    values: Type.Optional(
      Type.Array(Type.String({ maxLength: promptLimits.choiceChars }), {
        minItems: 1,
        maxItems: promptLimits.choices,
      }),
    ),
  },
  { additionalProperties: false },
);

/** What a client sets. */
export const promptInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: promptLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: promptLimits.descriptionChars })),
    template: Type.String({ maxLength: promptLimits.templateChars }),
    variables: Type.Optional(Type.Array(promptVariable, { maxItems: promptLimits.variables })),
  },
  { additionalProperties: false },
);

/** A variable of a prompt. */
export type PromptVariable = Static<typeof promptVariable>;
/** What a client sends to create a prompt. */
export type PromptInput = Static<typeof promptInput>;

/** Prompts, `pr_...` under /v2/prompts. */
export const promptKind: ResourceKind<PromptInput> = {
  name: "prompt",
  path: "prompts",
  prefix: "pr",
  input: promptInput,
  searched: ["name", "description"],
  filters: ["name"],
  sorts: ["name"],
  max: promptLimits.records,
};
