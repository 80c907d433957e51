// The settings of model providers, and what they mean together: part of config-schema.ts and config.ts.

import { choice, type Fields, integer, type ValuesOf } from "./config-field.ts";
import { accepts, expected, type RawValues, shown } from "./config-file.ts";

const MINUTE_MS = 60_000;

/** One provider of models. */
export const providerFields = {
  name: {
    type: "text",
    text: "Name in model names: `name/model`.",
    default: "",
    charsMax: 64,
    pattern: /^[a-z][a-z0-9_-]*$/,
    expected: "lower-case letters, digits, - and _, starting with a letter",
  },
  kind: choice("Protocol the provider speaks.", ["openai", "anthropic"], "openai"),
  baseUrl: {
    type: "text",
    text: "Where its API begins, e.g. http://127.0.0.1:11434/v1. Default: the vendor's own.",
    default: null as string | null,
    charsMax: 2_000,
    pattern: /^https?:\/\/[^\s]+$/,
    expected: "an http:// or https:// address",
  },
  apiKey: {
    type: "text",
    text: "A reference to the environment variable that holds the key, written `$\u007bNAME}`.",
    default: null as string | null,
    charsMax: 4_000,
    secret: true,
  },
  apiKeys: {
    type: "texts",
    text: "Further keys, each a reference as `api_key` is. Calls take them in turn; one that is limited (for that model) or refused is left aside.",
    default: [],
    itemsMax: 100,
    charsMax: 4_000,
    secret: true,
  },
  models: {
    type: "texts",
    text: "Beginnings of the model names it answers, e.g. gpt-. Default: by kind.",
    default: [],
    itemsMax: 1_000,
    charsMax: 200,
  },
  transport: choice("Own stream reader, or the vendor's SDK.", ["direct", "sdk"], "direct"),
  firstByteMs: integer("From the request to the first byte of the answer.", "ms", [
    MINUTE_MS,
    100,
    60 * MINUTE_MS,
  ]),
  idleMs: integer("Between two pieces of a stream.", "ms", [MINUTE_MS, 100, 60 * MINUTE_MS]),
  totalMs: integer("A whole call with its retries.", "ms", [10 * MINUTE_MS, 100, 120 * MINUTE_MS]),
  connectionsMax: integer(
    "Sockets open to it at once, from one worker.",
    "sockets",
    [256, 1, 100_000],
  ),
  attemptsMax: integer("Attempts of one call, before any text was shown.", "attempts", [3, 1, 10]),
  breakerFailures: integer(
    "Calls that fail in a row, on all threads, before it is left alone; 0: never.",
    "calls",
    [5, 0, 10_000],
  ),
  breakerOpenMs: integer(
    "How long it is left alone, then one call tries it; twice as long after each that fails, at most eight times.",
    "ms",
    [10_000, 10, 10 * MINUTE_MS],
  ),
  hedgeAfterMs: integer(
    "A call without a word for so long is made a second time beside it; who speaks first answers, both are paid. 0: never.",
    "ms",
    [0, 0, 10 * MINUTE_MS],
  ),
} as const satisfies Fields;

/** What is known of models beside what comes with the server. */
export const knownModelFields = {
  name: {
    type: "text",
    text: "Name of a model as agents write it, or its beginning: `gpt-5`, `lab/llama3`. The longest that fits counts.",
    default: "",
    charsMax: 200,
  },
  windowTokens: integer(
    "Its context window; 0: as is known without this.",
    "tokens",
    [0, 0, 100_000_000],
  ),
  images: choice(
    "Whether it takes images in messages; unknown: as is known without this, else its provider is asked.",
    ["unknown", "yes", "no"],
    "unknown",
  ),
  inputMicros: integer(
    "Price of a million tokens it reads, in millionths of your unit of money; -1: not known.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
  outputMicros: integer(
    "Price of a million tokens it writes.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
  searchMicros: integer(
    "Price of a search of a re-ranker that counts searches, as Cohere's; -1: it counts none. An embedder, and a re-ranker that counts tokens, have `input_micros` alone.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
  cachedInputMicros: integer(
    "Price of a million tokens that its provider had read before; -1: as of others that it reads.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
  cacheWriteMicros: integer(
    "Price of a million tokens that its provider keeps to be read again, for minutes; -1: 1.25 times that of others.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
  cacheWriteLongMicros: integer(
    "The same for those that it keeps for an hour or longer; -1: twice that of others.",
    "millionths",
    [-1, -1, 1_000_000_000_000],
  ),
} as const satisfies Fields;

/** Which calls of models are made once for several. */
export const answerFields = {
  coalesce: choice(
    "Whether identical calls of one tenant that are under way at the same time are made once.",
    ["off", "on"],
    "off",
  ),
  cacheMs: integer(
    "How long an answer is given again to the same call of its tenant; 0: not at all.",
    "ms",
    [0, 0, 30 * 24 * 60 * MINUTE_MS],
  ),
  cacheMib: integer("Answers that are kept, half of it for one tenant.", "MiB", [64, 1, 65_536]),
  cacheTemperature: choice(
    "Whose answers are kept: calls at temperature 0, or all.",
    ["zero", "any"],
    "zero",
  ),
} as const satisfies Fields;

type Entry = ValuesOf<typeof providerFields>;

/** A provider of models; `baseUrl` is the vendor's own when none was given. */
export type ProviderConfig = Omit<Entry, "baseUrl"> & {
  readonly baseUrl: string;
  /** The first of its keys; null for a server that needs none. */
  readonly apiKey: string | null;
  /** All of its keys, each once; none for a server that needs none. */
  readonly apiKeys: readonly string[];
};

/** Vendors whose SDKs' own variable names make a provider. */
const vendors = [
  { name: "openai", kind: "openai", key: "OPENAI_API_KEY", url: "OPENAI_BASE_URL" },
  { name: "anthropic", kind: "anthropic", key: "ANTHROPIC_API_KEY", url: "ANTHROPIC_BASE_URL" },
  // It has no address of its own: it is where its operator runs it.
  { name: "ollama", kind: "openai", key: null, url: "OLLAMA_BASE_URL" },
] as const;

/** Where a vendor's API begins when nothing else is said. */
const baseUrls = {
  openai: "https://api.openai.com/v1",
  anthropic: "https://api.anthropic.com",
} as const;

/**
 * The file's providers, then those of the vendors' variables that the file does not name; what is wrong
 * with them is added to `problems`. `complete` fills an entry up with the defaults.
 */
export function providersOf(
  given: readonly Entry[],
  env: Readonly<Record<string, string | undefined>>,
  complete: (set: RawValues) => RawValues,
  problems: string[],
): ProviderConfig[] {
  const providers = given.map(named);
  const names = new Set<string>();
  for (const { name } of providers) {
    if (names.has(name)) problems.push(`providers: the name "${name}" is used twice`);
    names.add(name);
  }
  const { baseUrl: urlField } = providerFields;
  for (const vendor of vendors) {
    const apiKey = vendor.key === null ? null : (env[vendor.key] ?? null);
    const url = env[vendor.url];
    if (url !== undefined && !accepts(urlField, url)) {
      problems.push(`${vendor.url}: expected ${expected(urlField)}, found ${shown(url)}`);
    }
    if ((apiKey === null && url === undefined) || names.has(vendor.name)) continue;
    const { name, kind } = vendor;
    const entry = complete({ name, kind, baseUrl: url ?? null, apiKey }) as unknown as Entry;
    providers.push(named(entry));
  }
  return providers;
}

function named(entry: Entry): ProviderConfig {
  const { kind, apiKey, baseUrl } = entry;
  const apiKeys = [...new Set([...(apiKey === null ? [] : [apiKey]), ...entry.apiKeys])];
  return { ...entry, apiKey: apiKeys[0] ?? null, apiKeys, baseUrl: baseUrl ?? baseUrls[kind] };
}
