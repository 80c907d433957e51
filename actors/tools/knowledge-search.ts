// The tool knowledge_search: passages of collections, when and as often as the model asks. What it
// finds is among the sources of the answer.

import { together, toSource } from "../answer/sources.ts";
import type { Passage } from "../knowledge/search.ts";
import { limits } from "../limits.ts";
import { callPayerOf } from "../money/until-raised.ts";
import type { Source } from "../records/conversation.ts";
import { Type } from "../schema.ts";
import { payerOf } from "../spend.ts";
import { argumentsSchema, type ToolConfig, type ToolType } from "./tool-type.ts";

const COLLECTION = "^cl_[A-Za-z0-9]{1,61}$";
/** Room kept for what stands around the passages of a result. */
const FRAME_CHARS = 100;

/** Type `knowledge_search`. */
export const knowledgeSearchTool: ToolType = {
  type: "knowledge_search",
  config: Type.Object(
    {
      /** Default: those of the agent or sub-agent that uses it. */
      collections: Type.Optional(
        Type.Array(Type.String({ pattern: COLLECTION }), { minItems: 1, maxItems: 20 }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: ["read"],
  describe: () =>
    "Searches the knowledge base and gives the passages that answer a question best, with their documents.",
  parameters: () =>
    argumentsSchema(["query"], {
      query: { type: "string", minLength: 1, maxLength: 4_000, description: "What to look for." },
      top_k: { type: "integer", minimum: 1, maximum: limits.toolPassages },
    }),
  make: (config, { context, collections, input }, { resultChars }) => ({
    repeat: "safe",
    async perform({ arguments: given, signal }) {
      const { tenant, ports } = context;
      const named = namedIn(config);
      const payer = callPayerOf(context, payerOf(input));
      const query = String(given["query"]);
      const { top_k } = given as { readonly top_k?: number };
      const searched = named.length > 0 ? named : collections;
      if (searched.length === 0) return { passages: [], note: "There is no collection to search." };
      const settings = top_k === undefined ? {} : { settings: { top_k } };
      const found = await Promise.all(
        searched.map((collection) =>
          ports.retriever.search({ tenant, collection, query, payer, signal, ...settings }),
        ),
      );
      const passages = together(found)
        .slice(0, top_k ?? limits.toolPassages)
        .map(shownOf);
      const note = "The knowledge base holds nothing on this.";
      return passages.length === 0 ? { passages, note } : fitted(passages, resultChars);
    },
    sourcesOf: (result) => {
      const { passages = [] } = result as { readonly passages?: readonly Shown[] };
      return passages.map(({ text, ...source }) => ({
        ...source,
        text: text.slice(0, limits.sourceChars),
      }));
    },
  }),
};

/** A passage as the model is given it: its source, with all of its text. */
type Shown = Source;

function shownOf(passage: Passage): Shown {
  return { ...toSource(passage), text: passage.text };
}

/** As many of the best as a result has room for: half a passage would be no source. */
function fitted(passages: readonly Shown[], charsMax: number): object {
  let left = charsMax - FRAME_CHARS;
  const shown = passages.filter((passage, at) => {
    left -= JSON.stringify(passage).length + 1;
    return left >= 0 || at === 0;
  });
  if (shown.length === passages.length) return { passages };
  return { passages: shown, note: `${passages.length - shown.length} more do not fit.` };
}

function namedIn(config: ToolConfig): readonly string[] {
  return (config["collections"] ?? []) as readonly string[];
}
