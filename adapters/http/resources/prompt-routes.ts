// POST /v2/prompts/{id}/preview: what a prompt says with some values, without a run.

import {
  fillPrompt,
  type LoadedPrompt,
  loadPrompt,
  pinPrompts,
  variablesUsed,
} from "../../../actors/prompts/prompt.ts";
import { checkValues } from "../../../actors/prompts/variables.ts";
import { promptLimits } from "../../../actors/records/prompt.ts";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { rowReader } from "./resource-rules.ts";

const body = Type.Object(
  {
    variables: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { maxProperties: promptLimits.variables }),
    ),
    /** Default: the newest. */
    version: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);

const version = Type.Integer({ minimum: 1 });
const closed = { additionalProperties: false } as const;
const partial = Type.Object({ id: Type.String(), name: Type.String(), version }, closed);
const preview = named(
  "PromptPreview",
  Type.Object(
    {
      text: Type.String(),
      version,
      variables: Type.Record(Type.String(), Type.Unknown(), {
        description: "The values that are in the text.",
      }),
      partials: Type.Array(partial, { description: "Versions of the prompts that are in it." }),
    },
    closed,
  ),
);

/** Routes of prompts beside those of every kind. */
export function promptRoutes({ system, resources }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Fill a prompt with values, without a run",
      description:
        "What a model would be given: partials put in, values checked by their types, defaults taken. A value that is missing, unknown or of another type is a 400 with its pointer. `version` takes an earlier one.",
      responses: answers(200, preview, "What the prompt says."),
      service: "prompts",
      errors: "problem",
      method: "POST",
      pattern: "/v2/prompts/{id}/preview",
      body,
      optionalBody: true,
      sideEffects: false,
      handler: async ({ principal, params, body: asked }) => {
        const { tenant } = principal;
        const { variables = {}, version = null } = asked;
        const { record } = await resources.kinds.prompts.get(tenant, params["id"] ?? "");
        const reference = { id: record.id, version, variables };
        const { prompt, text, values } = await filledPrompt({ system }, tenant, reference);
        const used = variablesUsed(prompt);
        const shown = Object.entries(values).filter(([name]) => used.has(name));
        return json(200, {
          text,
          version: prompt.version,
          variables: Object.fromEntries(shown),
          partials: partialsOf(prompt),
        });
      },
    }),
  ];
}

/** A prompt with values in it; version null: the newest. @throws INVALID with a pointer. */
export async function filledPrompt(
  { system }: Pick<Services, "system">,
  tenant: string,
  of: {
    readonly id: string;
    readonly version: number | null;
    readonly variables: Readonly<Record<string, unknown>>;
  },
): Promise<ReturnType<typeof fillPrompt> & { readonly prompt: LoadedPrompt }> {
  const { id, version, variables } = of;
  const read = rowReader({ tables: system.tables, tenant });
  const pins = await pinPrompts(read, { id, version });
  const prompt = await loadPrompt(read, { id, version }, pins);
  checkValues(prompt.variables, variables, "/variables");
  return { ...fillPrompt(prompt, variables, "/variables"), prompt };
}

/** Which versions of which prompts are in it. */
function partialsOf(prompt: LoadedPrompt): readonly unknown[] {
  const all = new Map<string, unknown>();
  const look = ({ partials }: LoadedPrompt): void => {
    for (const partial of partials.values()) {
      const { id, name, version } = partial;
      all.set(`${id}.${version}`, { id, name, version });
      look(partial);
    }
  };
  look(prompt);
  return [...all.values()];
}
