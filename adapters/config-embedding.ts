// The settings of embedders: part of config-schema.ts.

import { choice, type Fields, integer } from "./config-field.ts";
import { dtypes, poolings } from "./embed/kinds.ts";

const name = {
  type: "text",
  text: "Name under which a collection asks for it.",
  default: "",
  charsMax: 64,
  pattern: /^[a-z][a-z0-9_-]*$/,
  expected: "lower-case letters, digits, - and _, starting with a letter",
} as const satisfies Fields[string];

/** One embedder. */
export const embedderFields = {
  name,
  kind: choice(
    "`local` runs a model in this process, `openai` asks a provider that speaks its protocol.",
    ["local", "openai"],
    "local",
  ),
  model: {
    type: "text",
    text: "Hub id (Xenova/all-MiniLM-L6-v2) or folder (./model) of a local one; the provider's name of another.",
    default: "",
    charsMax: 400,
  },
  dtype: choice("How a local model's numbers are stored.", dtypes, "q8"),
  pooling: choice(
    "How a local model's token vectors become one; `auto`: as its files say, else mean.",
    ["auto", ...poolings],
    "auto",
  ),
  provider: {
    type: "text",
    text: "Name of the provider, for `openai`. Default: openai.",
    default: null as string | null,
    charsMax: 64,
  },
  dimension: integer("Numbers of a vector; 0: the model's own.", "numbers", [0, 0, 16_384]),
  shorten: choice(
    "Whether the provider is asked to shorten vectors to `dimension`; `auto`: where the model is known to.",
    ["auto", "on", "off"],
    "auto",
  ),
  tokensMax: integer("Tokens of a text; 0: the model's own limit.", "tokens", [0, 0, 1_000_000]),
  tokenizer: choice(
    "How tokens are counted for a provider's model; `auto`: cl100k_base for OpenAI's own, else approximate.",
    ["auto", "approximate", "cl100k_base", "o200k_base"],
    "auto",
  ),
  queryPrefix: {
    type: "text",
    text: "Put before queries, e.g. `query: `. Default: what a local model's files say.",
    default: null as string | null,
    charsMax: 1_000,
  },
  documentPrefix: {
    type: "text",
    text: "Put before documents, e.g. `passage: `. Default: what a local model's files say.",
    default: null as string | null,
    charsMax: 1_000,
  },
} as const satisfies Fields;

/** What embedders share. */
export const embeddingFields = {
  threads: integer(
    "Compute threads that run local models; each holds its own copy, 150 to 250 MB or more.",
    "threads",
    [1, 1, 16],
  ),
  batchTexts: integer("Texts a local model takes at once.", "texts", [8, 1, 64]),
  waitMs: integer("How long it waits for more texts before it takes fewer.", "ms", [2, 0, 100]),
  queryMs: integer(
    "How long a search or a chat waits for the vector of its question before it goes by words alone.",
    "ms",
    [2_500, 50, 60_000],
  ),
  queueMax: integer(
    "Texts waiting, half of them of one tenant; one more is 429.",
    "texts",
    [4_096, 1, 1_000_000],
  ),
  cacheMib: integer(
    "Vectors of one embedder that are remembered on disk, so that equal text is not embedded again; 0: none.",
    "MiB",
    [256, 0, 65_536],
  ),
} as const satisfies Fields;
