// What `config` of a target holds, by its type, and what no schema can say of it. Types of the same.

import { RuntimeError } from "../../runtime/errors.ts";
import type { TargetInput, TargetType } from "../records/target.ts";
import { type Static, type TSchema, Type } from "../schema.ts";

/** Limits of what is done on a target. */
export const workLimits = {
  /** A path, an address, a list of known hosts, characters. */
  pathChars: 1_000,
  urlChars: 2_000,
  knownHostsChars: 20_000,
  /** Names of variables, and a value, characters. */
  variables: 50,
  variableChars: 8_000,
  /** One process: default and most, ms. */
  timeoutMs: 600_000,
  timeoutMsMax: 86_400_000,
  /** What it writes on each of its outputs: default and most, bytes. */
  outputBytes: 1_048_576,
  outputBytesMax: 16 * 1_048_576,
  /** Processes at once on a target: default and most; and how many more may wait for one to end. */
  processes: 4,
  processesMax: 64,
  processesWaiting: 100,
  /** Until ssh has to have connected, s; it asks so often whether the other side is there, and so many times, s. */
  connectS: 10,
  aliveS: 15,
  aliveCount: 3,
  /** A check of whether a target is there, ms. */
  checkMs: 20_000,
} as const;

const closed = { additionalProperties: false } as const;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const path = Type.String({ pattern: "^/[^\\u0000\\r\\n]*$", maxLength: workLimits.pathChars });
const variable = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_]*$", maxLength: 100 });
const variables = Type.Optional(
  Type.Record(Type.String(), Type.String({ maxLength: workLimits.variableChars }), {
    maxProperties: workLimits.variables,
  }),
);
/** How much may be done there. */
const bounds = {
  /** Of one process, ms. Default 10 minutes. */
  timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: workLimits.timeoutMsMax })),
  /** Of what a command writes on each of its outputs; one that writes more is ended. Default 1 MiB. */
  output_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: workLimits.outputBytesMax })),
  /** At once; the others wait. Default 4. */
  processes: Type.Optional(Type.Integer({ minimum: 1, maximum: workLimits.processesMax })),
} as const;

const localConfig = Type.Object(
  {
    /** Working folder: paths in commands are below it. */
    folder: path,
    /** Variables of the server's own environment that processes are given beside PATH. */
    env: Type.Optional(Type.Array(variable, { maxItems: workLimits.variables })),
    /** Others, with their values. */
    variables,
    ...bounds,
  },
  closed,
);

const sshConfig = Type.Object(
  {
    host: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$" }),
    /** Default 22. */
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    user: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$" }),
    /** Working folder there. Default: the user's. */
    folder: Type.Optional(path),
    /** Lines as `ssh-keyscan` gives them: a host that shows another key is not spoken to. */
    known_hosts: text(workLimits.knownHostsChars),
    variables,
    ...bounds,
  },
  closed,
);

const httpConfig = Type.Object(
  {
    url: text(workLimits.urlChars),
    /** What a check asks for, below `url`. Default: `url` itself. */
    health_path: Type.Optional(Type.String({ pattern: "^/", maxLength: workLimits.pathChars })),
  },
  closed,
);

const managedAgentConfig = Type.Object(
  {
    url: text(workLimits.urlChars),
    /** How it is spoken to. Default `openai`. */
    protocol: Type.Optional(
      Type.Union([Type.Literal("openai"), Type.Literal("a2a"), Type.Literal("troupe")]),
    ),
    /** Its name of what answers. */
    model: Type.Optional(text(200)),
    health_path: httpConfig.properties.health_path,
  },
  closed,
);

/** `config` of a target of type `local`. */
export type LocalConfig = Static<typeof localConfig>;
/** Of type `ssh`. */
export type SshConfig = Static<typeof sshConfig>;
/** Of type `http`. */
export type HttpConfig = Static<typeof httpConfig>;
/** Of type `managed_agent`. */
export type ManagedAgentConfig = Static<typeof managedAgentConfig>;

/** Schemas of `config`. */
export const targetConfigs: Readonly<Record<TargetType, TSchema>> = {
  local: localConfig,
  ssh: sshConfig,
  http: httpConfig,
  managed_agent: managedAgentConfig,
};

/** What no schema can say. @throws INVALID with the pointer within the record. */
export function checkTarget({ type, config = {}, secrets = {}, shell }: TargetInput): void {
  const isMachine = type === "local" || type === "ssh";
  if (shell !== undefined && !isMachine) {
    throw invalid("Commands run on targets of type local and ssh.", "/shell");
  }
  const own = type === "ssh" ? "private_key" : "api_key";
  const other = Object.keys(secrets).find((name) => type === "local" || name !== own);
  if (other !== undefined) {
    throw invalid(`A target of type ${type} has no ${other}.`, `/secrets/${other}`);
  }
  if (type === "ssh") checkKey(secrets.private_key);
  checkVariables(config["variables"], "/config/variables");
  const { env = [], url } = config as Partial<LocalConfig & HttpConfig>;
  const hidden = env.findIndex(isServers);
  if (hidden >= 0) {
    throw invalid(`${env[hidden]} is the server's alone.`, `/config/env/${hidden}`);
  }
  if (url === undefined) return;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw invalid("url is an address that begins with https:// or http://.", "/config/url");
  }
  const { username, password, hash } = new URL(url);
  if (username === "" && password === "" && hash === "") return;
  throw invalid("url has neither a user nor a fragment; a key goes in secrets.", "/config/url");
}

/** @throws INVALID for names that no variable has, and for those of the server itself. */
export function checkVariables(given: unknown, pointer: string): void {
  for (const [name, value] of Object.entries((given ?? {}) as object)) {
    if (!/^[A-Za-z][A-Za-z0-9_]{0,99}$/.test(name) || isServers(name)) {
      const message = `"${name.slice(0, 100)}" cannot be the name of a variable here.`;
      throw invalid(message, pointer);
    }
    if (!String(value).includes("\0")) continue;
    throw invalid("No variable holds a NUL character.", `${pointer}/${name}`);
  }
}

/** Variables of the server's own settings, keys among them, are given to no process. */
const isServers = (name: string): boolean => /^TROUPE_/i.test(name);

function checkKey(key: string | undefined): void {
  if (key === undefined) {
    throw invalid("A target of type ssh is reached with a private key.", "/secrets/private_key");
  }
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n/.test(key) || key === "***") return;
  throw invalid(
    "The private key is in the form of OpenSSH (-----BEGIN ...).",
    "/secrets/private_key",
  );
}

const invalid = (message: string, pointer: string): RuntimeError =>
  new RuntimeError("INVALID", message, { pointer });
