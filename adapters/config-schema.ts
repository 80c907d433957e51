// Every setting of the server, once: name, default, unit, limit and environment variable. The types,
// the checks, the refusals and the table in cli/configuration.md come from here.
// Not written with the records' schema library: this is read before anything else at every start,
// and that library alone costs a third of the time a start may take.

import { availableParallelism } from "node:os";
import { agentsGroup, logsGroup } from "./config-agents.ts";
import { embedderFields, embeddingFields } from "./config-embedding.ts";
import { choice, type Fields, integer } from "./config-field.ts";
import { foldersField } from "./config-folders.ts";
import { frontFields } from "./config-front.ts";
import { channelsField, gatewayGroup } from "./config-gateway.ts";
import { issuerFields } from "./config-identity.ts";
import { integrationsField } from "./config-integrations.ts";
import { mcpServersField } from "./config-mcp.ts";
import { pricesGroup } from "./config-prices.ts";
import { answerFields, knownModelFields, providerFields } from "./config-providers.ts";
import { rerankerFields } from "./config-rerankers.ts";
import { kernelLimits, systemLimits } from "./config-runtime.ts";
import { serverLimits } from "./config-server.ts";
import { telemetryGroup } from "./config-telemetry.ts";
import { tenantsGroup } from "./config-tenants.ts";
import { tlsGroup } from "./config-tls.ts";
import { masterKeyFields } from "./config-vault.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MINUTE_MS = 60_000;

const privateHosts = (text: string) =>
  ({ type: "texts", text, default: [], itemsMax: 100, charsMax: 255 }) as const;

/** The whole configuration. */
export const configFields = {
  host: {
    type: "text",
    text: "Address to listen on.",
    env: "TROUPE_HOST",
    default: "127.0.0.1",
    charsMax: 255,
    pattern: /^[A-Za-z0-9.:_-]+$/,
    expected: "a host name or an IP address",
  },
  port: integer("Port to listen on; 0 takes a free one.", "port", [8_080, 0, 65_535], {
    env: "TROUPE_PORT",
    envToo: "AGENT_ORCH_PORT",
  }),
  data: {
    type: "text",
    text: "Folder of everything that is stored.",
    env: "TROUPE_DATA",
    default: "./data",
    charsMax: 4_000,
  },
  ...masterKeyFields,
  workers: integer(
    "Threads that run actors; 0 runs them on the main thread.",
    "threads",
    [Math.min(64, Math.max(1, availableParallelism() - 1)), 0, 64],
    { env: "TROUPE_WORKERS", defaultText: "cores - 1, at least 1" },
  ),
  durability: choice(
    "What acknowledgements and ends of runs wait for: `committed` survives the process, `flushed` power loss.",
    ["committed", "flushed"],
    "flushed",
    "TROUPE_DURABILITY",
  ),
  logLevel: choice(
    "Least severe line that is logged; `info` has one line a request.",
    ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    "warn",
    "TROUPE_LOG_LEVEL",
    "AGENT_ORCH_LOG_LEVEL",
  ),
  sample: choice(
    "Whether an empty data folder is filled with the sample.",
    ["on", "off"],
    "on",
    "TROUPE_SAMPLE",
  ),
  stopMs: integer(
    "Time for what runs when the server is told to stop, or on a worker that is taken away.",
    "ms",
    [25_000, 100, 29_000],
  ),
  guardrailsFile: {
    type: "text",
    text: "JSON file with a chain of guardrails that holds for all tenants, before theirs, which cannot take it off. Read again when it changes, and at SIGHUP.",
    env: "TROUPE_GUARDRAILS",
    default: null as string | null,
    charsMax: 4_000,
  },
  tls: tlsGroup,
  tenants: tenantsGroup,
  http: {
    type: "group",
    text: "The front door.",
    fields: {
      ...serverLimits,
      requestsPerSecond: integer(
        "Requests of one API key; more is 429.",
        "requests/s",
        [1_000, 1, 10_000_000],
      ),
      requestsBurst: integer(
        "Requests of one API key at once.",
        "requests",
        [2_000, 1, 10_000_000],
      ),
      failuresPerMinute: integer(
        "Wrong keys from one address; more is 429.",
        "requests/min",
        [60, 1, 1_000_000],
      ),
      sessionMs: integer("Life of a browser session.", "ms", [
        12 * 60 * MINUTE_MS,
        MINUTE_MS,
        30 * 24 * 60 * MINUTE_MS,
      ]),
      ...frontFields,
    },
  },
  knowledge: {
    type: "group",
    text: "Documents and their collections.",
    fields: {
      fetchHosts: privateHosts("Hosts of private networks that documents may be fetched from."),
    },
  },
  webhooks: {
    type: "group",
    text: "What is told of the ends of runs.",
    fields: {
      hosts: privateHosts("Hosts of private networks that webhooks may go to."),
    },
  },
  gateway: gatewayGroup,
  telemetry: telemetryGroup,
  agents: agentsGroup,
  yamlVariables: {
    type: "texts",
    text: "Names of environment variables that files of agents may name as `$\u007bNAME}`, beside CLIENT_ID and AGENT_NAME; no other is substituted there.",
    default: [],
    itemsMax: 200,
    charsMax: 128,
  },
  logs: logsGroup,
  channels: channelsField,
  skills: {
    type: "group",
    text: "Skills that agents read.",
    fields: {
      bytesMax: integer(
        "Files of one tenant's skills, with all kept versions; more is 409.",
        "bytes",
        [2 * GIB, 64 * KIB, 1_024 * GIB],
      ),
    },
  },
  audit: {
    type: "group",
    text: "What was decided, and by whom.",
    fields: {
      retentionDays: integer(
        "An entry of the audit is kept this long; 0: for ever.",
        "days",
        [365, 0, 3_650],
      ),
    },
  },
  tools: {
    type: "group",
    text: "What models may call.",
    fields: {
      hosts: privateHosts("Hosts of private networks that tools may send requests to."),
      folders: foldersField,
      scripts: {
        type: "text",
        text: "Folder of scripts (.js, .mjs, .ts, .mts, .py), each a tool `custom.` and its name.",
        default: null as string | null,
        charsMax: 4_000,
      },
      scriptTenants: {
        type: "texts",
        text: "Ids of the tenants that have the scripts of `scripts` (tn_...), or * for all.",
        default: ["*"],
        itemsMax: 1_000,
        charsMax: 64,
      },
      processTenants: {
        type: "texts",
        text: "Ids of the tenants (tn_...), or * for all, whose skills may have scripts in Python and shell run, in sandboxed processes.",
        default: [],
        itemsMax: 1_000,
        charsMax: 64,
      },
    },
  },
  runtime: { type: "group", text: "Threads, queues and storage.", fields: systemLimits },
  engine: { type: "group", text: "The engine of each worker.", fields: kernelLimits },
  defaultProvider: {
    type: "text",
    text: "Provider of model names that no rule names. Default: the first one.",
    default: null as string | null,
    charsMax: 64,
  },
  defaultModel: {
    type: "text",
    text: "Model of agents that name none; `a, b` asks b when a cannot answer. Default: gpt-5-mini or claude-haiku-4-5, as the default provider speaks.",
    env: "TROUPE_DEFAULT_MODEL",
    default: null as string | null,
    charsMax: 200,
  },
  defaultEmbedder: {
    type: "text",
    text: "Embedder of new collections that name none.",
    default: "builtin",
    charsMax: 64,
  },
  models: {
    type: "text",
    text: "Folder of local models. Default: `models` in the data folder.",
    env: "TROUPE_MODELS",
    default: null as string | null,
    charsMax: 4_000,
  },
  hub: {
    type: "text",
    text: "Where `troupe models pull` fetches models from; nothing else reaches for it.",
    env: "HF_ENDPOINT",
    default: "https://huggingface.co",
    charsMax: 2_000,
    pattern: /^https?:\/\/[^\s]+$/,
    expected: "an http:// or https:// address",
  },
  hubToken: {
    type: "text",
    text: "Key for models that are not public.",
    env: "HF_TOKEN",
    default: null as string | null,
    charsMax: 4_000,
    secret: true,
  },
  embedding: {
    type: "group",
    text: "What embedders share: local models, what is remembered, how long a question waits.",
    fields: embeddingFields,
  },
  integrations: integrationsField,
  mcpServers: mcpServersField,
  issuers: {
    type: "entries",
    text: "Issuers (OpenID providers) whose bearer tokens are taken.",
    itemsMax: 20,
    required: ["name", "issuer", "audience"],
    fields: issuerFields,
  },
  embedders: {
    type: "entries",
    text: "Embedders, beside the built-in one, `builtin`.",
    itemsMax: 50,
    required: ["name", "model"],
    fields: embedderFields,
  },
  rerankers: {
    type: "entries",
    text: "Re-rankers that collections and searches may name; there is none without.",
    itemsMax: 10,
    required: ["name", "model"],
    fields: rerankerFields,
  },
  answers: {
    type: "group",
    text: "Calls of models that are made once for several. What is spent is counted for the one call alone.",
    fields: answerFields,
  },
  prices: pricesGroup,
  knownModels: {
    type: "entries",
    text: "Windows and prices of models, as `GET /v2/models` shows them. No price comes with the server: a wrong one is worse than none.",
    itemsMax: 1_000,
    required: ["name"],
    fields: knownModelFields,
  },
  providers: {
    type: "entries",
    text: "Model providers, beside those of the environment variables.",
    itemsMax: 50,
    required: ["name"],
    fields: providerFields,
  },
} as const satisfies Fields;
