// The only reader of process.env and of the optional `troupe.yaml`. Everything else is given plain,
// checked values: a wrong or unknown setting ends the start with one line that says where it stands.

import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { chainProblem } from "../actors/model-chain.ts";
import type { Guardrail } from "../actors/records/guardrail.ts";
import type { FolderGrant } from "../actors/tools/folders.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { agentsOf, unusedVariables } from "./config-agents.ts";
import { type EmbedderConfig, embeddersOf } from "./config-embedders.ts";
import type { Field, Fields, ValuesOf } from "./config-field.ts";
import type { RawValues } from "./config-file.ts";
import {
  accepts,
  expected,
  FILE_BYTES_MAX,
  nearest,
  readConfigFile,
  shown,
} from "./config-file.ts";
import { foldersOf } from "./config-folders.ts";
import { readFurther, withLess } from "./config-further.ts";
import { type IssuerConfig, issuersOf } from "./config-identity.ts";
import { integrationsOf, type OperatorIntegration } from "./config-integrations.ts";
import { type McpServerConfig, mcpServersOf } from "./config-mcp.ts";
import { type ProviderConfig, providersOf } from "./config-providers.ts";
import { type RerankerConfig, rerankersOf } from "./config-rerankers.ts";
import { configFields } from "./config-schema.ts";
import { type TlsConfig, tlsOf } from "./config-tls.ts";

/** Environment variables as a program sees them. */
export type Environment = Readonly<Record<string, string | undefined>>;

type Values = ValuesOf<typeof configFields>;

/** The configuration, as plain data that may cross threads. Field by field: config-schema.ts. */
export interface Config
  extends Omit<
    Values,
    | "tls"
    | "providers"
    | "embedders"
    | "rerankers"
    | "issuers"
    | "integrations"
    | "mcpServers"
    | "models"
    | "tools"
  > {
  readonly providers: readonly ProviderConfig[];
  readonly embedders: readonly EmbedderConfig[];
  readonly rerankers: readonly RerankerConfig[];
  readonly issuers: readonly IssuerConfig[];
  readonly integrations: readonly OperatorIntegration[];
  readonly tools: Omit<Values["tools"], "folders"> & {
    /** Folders of this machine that tools may reach. */
    readonly folders: readonly FolderGrant[];
  };
  readonly mcpServers: readonly McpServerConfig[];
  /** The operator's chain, which holds for all tenants; [] for none. */
  readonly guardrails: readonly Guardrail[];
  /** TLS at the port; null: plain HTTP. */
  readonly tls: TlsConfig | null;
  /** Folder of local models. */
  readonly models: string;
  /** Given by TROUPE_ADMIN_KEY; null: made on first start and kept in the data folder. */
  readonly adminKey: string | null;
  /** Given by TROUPE_MASTER_KEY; see `vault/key-source.ts`. */
  readonly masterKey: string | null;
  /** The file that was read, or null. */
  readonly file: string | null;
  /** Variables that are set and have no effect here. */
  readonly unused: readonly string[];
}

/** What the client commands of the CLI need. */
export interface ClientConfig {
  /** Address of a running server. */
  readonly url: string | null;
  readonly key: string | null;
}

/** Name of the optional file in the working folder. */
export const CONFIG_FILE = "troupe.yaml";

const ADMIN_KEY_CHARS_MIN = 16;

/** Variables that are read outside the table of settings. */
const otherVariables = [
  ...["TROUPE_ADMIN_KEY", "TROUPE_MASTER_KEY"],
  ...["TROUPE_CONFIG", "TROUPE_URL", "TROUPE_KEY", "TROUPE_TAKES_OVER_FROM"],
];

/** Models of agents that name none. */
const defaultModels = { openai: "gpt-5-mini", anthropic: "claude-haiku-4-5" } as const;

/**
 * Reads the configuration of this process.
 * @throws RuntimeError CONFIG_INVALID with one line for each thing that is wrong.
 */
export function loadConfig(): Promise<Config> {
  return readConfig(process.env, process.cwd());
}

/**
 * The configuration of a server that another program runs inside it: as `loadConfig` in that folder, with variables
 * set or, by undefined, unset.
 */
export function loadConfigWith(changes: Environment, folder: string): Promise<Config> {
  return readConfig({ ...process.env, ...changes }, folder);
}

/** Reads what the client commands need from this process's environment. */
export function loadClientConfig(): ClientConfig {
  const env = withoutEmpty(process.env);
  return { url: env["TROUPE_URL"] ?? null, key: env["TROUPE_KEY"] ?? null };
}

/** Where a command of the terminal looks up `{secret: env:NAME}`. The server never does. */
export function secretEnvironment(): Readonly<Record<string, string | undefined>> {
  return withoutEmpty(process.env);
}

/** Values of the variables that a child process is given; those that are not set are left out. */
export function childEnvironment(names: readonly string[]): Readonly<Record<string, string>> {
  const given = names.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(
    given.filter((one): one is readonly [string, string] => one[1] !== undefined),
  );
}

/** Whether the terminal asked for no colours (https://no-color.org). */
export function wantsColour(): boolean {
  return !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}

const successorMark = "TROUPE_TAKES_OVER_FROM";
const nativeHeaderBytes = "UWS_HTTP_MAX_HEADERS_SIZE";
const nativeHeaderBytesGiven = process.env[nativeHeaderBytes];

/** The environment of a process that is to take over from this one: what this one was started with. */
export function successorEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env, [nativeHeaderBytes]: nativeHeaderBytesGiven };
  return { ...env, [successorMark]: String(process.pid) };
}

/** Whether this process was started to take over from the one that started it. */
export function isSuccessor(): boolean {
  return process.connected === true && process.env[successorMark] === String(process.ppid);
}

/** Tells the native HTTP server, which reads it when it is loaded, how large a request head may be. */
export function setNativeHeaderBytes(bytes: number): void {
  process.env[nativeHeaderBytes] ??= String(bytes);
}

/**
 * Reads a configuration from given variables and a working folder. Variables win over the file.
 * @throws RuntimeError CONFIG_INVALID.
 */
export async function readConfig(environment: Environment, folder: string): Promise<Config> {
  const env = withoutEmpty(environment);
  const problems: string[] = [];
  const file = await readFileText(env["TROUPE_CONFIG"], folder, problems);
  let fromFile: RawValues = {};
  if (file) {
    const reading = await readConfigFile(file.name, file.text, configFields, env);
    problems.push(...reading.problems);
    fromFile = reading.values;
  }
  const place = { file: file?.path ?? null, agents: env["TROUPE_AGENTS"], folder };
  const further = await readFurther(place, configFields, env, FILE_BYTES_MAX);
  problems.push(...further.problems);
  fromFile = withLess(fromFile, further.values, configFields);
  problems.push(...unknownVariables(env));
  const values = complete(configFields, fromFile, env, problems) as unknown as Values;
  const adminKey = adminKeyOf(env, problems);
  const entryOf = (set: RawValues) => complete(configFields.providers.fields, set, {}, problems);
  const providers = providersOf(values.providers, env, entryOf, problems);
  const defaults = defaultsOf(values, providers, problems);
  const data = isAbsolute(values.data) ? values.data : resolve(folder, values.data);
  const models = values.models === null ? join(data, "models") : resolve(folder, values.models);
  const embedders = embeddersOf(values, { folder, models }, providers, problems);
  const rerankers = rerankersOf(values.rerankers, { folder, models }, providers, problems);
  const tls = tlsOf(values.tls, folder, problems);
  const issuers = issuersOf(values.issuers, problems);
  const integrations = await integrationsOf(values.integrations, values.tools.hosts, problems);
  const folders = foldersOf(values.tools.folders, { folder, data }, problems);
  const mcpServers = mcpServersOf(values.mcpServers, folder, env, problems);
  const guardrails = await guardrailsOf(values.guardrailsFile, folder, problems);
  if (problems.length > 0) {
    throw new RuntimeError("CONFIG_INVALID", problems.join("\n"), { problems });
  }
  const { masterKeyFile: named } = values;
  const masterKeyFile = named === null ? null : resolve(folder, named);
  const masterKey = env["TROUPE_MASTER_KEY"] ?? null;
  const tenantKeys = values.tenantKeys === null ? null : resolve(folder, values.tenantKeys);
  const guardrailsFile =
    values.guardrailsFile === null ? null : resolve(folder, values.guardrailsFile);
  const secret = { adminKey, masterKey, masterKeyFile, tenantKeys, guardrailsFile };
  const lists = { embedders, rerankers, issuers, integrations, mcpServers, providers, guardrails };
  const { middleware } = values.gateway;
  const gateway = {
    ...values.gateway,
    middleware: middleware === null ? null : resolve(folder, middleware),
  };
  const scriptsFolder = values.tools.scripts;
  const scripts = scriptsFolder === null ? null : resolve(folder, scriptsFolder);
  const tools = { ...values.tools, folders, scripts };
  const ofAgents = agentsOf(values.agents, values.logs, place);
  const own = { gateway, tools, tls, data, models, ...lists, ...ofAgents, file: place.file };
  return { ...values, ...defaults, ...secret, ...own, unused: unusedVariables(env) };
}

/** Loaded where there is one: most operators set none. */
async function guardrailsOf(
  file: string | null,
  folder: string,
  problems: string[],
): Promise<readonly Guardrail[]> {
  if (file === null) return [];
  return (await import("./guardrails-file.ts")).operatorChainOf(file, folder, problems);
}

/** An empty variable counts as unset: that is how shells and containers unset one. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
}

async function readFileText(
  named: string | undefined,
  folder: string,
  problems: string[],
): Promise<{ name: string; path: string; text: string } | null> {
  const name = named ?? CONFIG_FILE;
  const path = resolve(folder, name);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) {
    if (named !== undefined) problems.push(`TROUPE_CONFIG: there is no file "${named}"`);
    return null;
  }
  if (found.size > FILE_BYTES_MAX) {
    problems.push(`${name}: has ${found.size} bytes, the limit is ${FILE_BYTES_MAX}`);
    return null;
  }
  return { name, path, text: await readFile(path, "utf8") };
}

function unknownVariables(env: Environment): string[] {
  const known = [...otherVariables, ...Object.values<Field>(configFields).flatMap(variablesOf)];
  return Object.keys(env)
    .filter((name) => name.startsWith("TROUPE_") && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known);
      return `unknown environment variable ${name}${meant ? `; did you mean ${meant}?` : ""}`;
    });
}

/** Of a field, or of those of a group. */
function variablesOf(field: Field): readonly string[] {
  if (field.type === "group") return Object.values<Field>(field.fields).flatMap(variablesOf);
  return [envOf(field, "env"), envOf(field, "envToo")].flatMap((name) => name ?? []);
}

function envOf(field: Field, which: "env" | "envToo"): string | undefined {
  return which in field ? (field as Partial<Record<typeof which, string>>)[which] : undefined;
}

/** Values of all fields: from variables, else from the file, else by default. */
function complete(
  fields: Fields,
  given: RawValues,
  env: Environment,
  problems: string[],
): RawValues {
  const values: RawValues = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = given[name];
    if (field.type === "group") {
      values[name] = complete(field.fields, (value ?? {}) as RawValues, env, problems);
    } else if (field.type === "entries") {
      const entries = (value ?? []) as readonly RawValues[];
      values[name] = entries.map((entry) => complete(field.fields, entry, env, problems));
    } else {
      values[name] = fromVariable(field, env, problems) ?? value ?? field.default;
    }
  }
  return values;
}

function fromVariable(field: Field, env: Environment, problems: string[]): unknown {
  const variable = variablesOf(field).find((name) => env[name] !== undefined);
  const written = variable === undefined ? undefined : env[variable];
  if (written === undefined) return undefined;
  const value = meant(field, written);
  if (!accepts(field, value)) {
    problems.push(`${variable}: expected ${expected(field)}, found ${shown(written)}`);
  }
  return value;
}

/** What a variable's text stands for. */
function meant(field: Field, written: string): unknown {
  const text = written.trim();
  if (field.type === "integer" && /^-?\d{1,16}$/.test(text)) return Number(text);
  if (field.type === "flag" && /^(true|false)$/.test(text)) return text === "true";
  return written;
}

function defaultsOf(
  values: Values,
  providers: readonly ProviderConfig[],
  problems: string[],
): Pick<Config, "defaultProvider" | "defaultModel"> {
  const name = values.defaultProvider;
  const provider = name === null ? providers[0] : providers.find((one) => one.name === name);
  if (name !== null && provider === undefined) {
    problems.push(`default_provider: there is no provider "${name}"`);
  }
  const model = provider && defaultModels[provider.kind];
  const problem = values.defaultModel === null ? undefined : chainProblem(values.defaultModel);
  if (problem !== undefined) problems.push(`default_model: ${problem}`);
  return {
    defaultProvider: provider?.name ?? null,
    defaultModel: values.defaultModel ?? model ?? null,
  };
}

function adminKeyOf(env: Environment, problems: string[]): string | null {
  const key = env["TROUPE_ADMIN_KEY"] ?? null;
  if (key !== null && !/^[\x21-\x7e]{16,256}$/.test(key)) {
    problems.push(
      `TROUPE_ADMIN_KEY: expected ${ADMIN_KEY_CHARS_MIN} to 256 visible ASCII characters without spaces`,
    );
  }
  return key;
}
