// Prompts in a pack. A template takes in others by their names as records, so those come first.

import { loadTemplates, parseTemplate, partialsIn } from "../../../actors/prompts/template.ts";
import { promptKind } from "../../../actors/records/prompt.ts";
import type { PackKind } from "./kind.ts";
import { resourceKind } from "./resource.ts";

/** Prompts. */
export const promptsKind: PackKind = resourceKind(promptKind, {
  uses: async ({ template }) => {
    if (typeof template !== "string") return [];
    await loadTemplates();
    // A version may stand behind the name.
    return partialsIn(parseTemplate(template)).map((name) => name.replace(/\s*@\d+$/, ""));
  },
});
