// Reads a gateway.yaml: `${NAME}` stands for an environment variable, and whatever is wrong is said with its line
// and column. What a field means: gateway-yaml.md beside this file.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Document, LineCounter, Node } from "yaml";
import { type TSchema, Type } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { readEntries } from "../channels/entries.ts";
import { loadValidator, validateAll } from "../http/validate.ts";
import { filled, type Path, pathOf } from "../references.ts";
import {
  type GatewayAgent,
  type GatewayChannel,
  type GatewaySettings,
  gatewayLimits,
} from "./options.ts";

/** Where it is looked for, in this order. */
export const gatewayFiles = [".troupe/gateway.yaml", ".agentix/gateway.yaml"] as const;

/** What a file says. */
export interface GatewayFile {
  /** As it stands in refusals. */
  readonly name: string;
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly agent: GatewayAgent;
  readonly settings: GatewaySettings;
  readonly channels: readonly GatewayChannel[];
}

const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ minLength: 1, maxLength: 4_000, description });

/** The file, but for the fields of channels, which are their adapters'. */
export const gatewaySchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description:
          "Name of this gateway, by which the server knows which channels are its own; the same for all that share this file. Default: the folder's name and the agent's.",
      }),
    ),
    host: Type.Optional(text("Address to listen on. Default 127.0.0.1.")),
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: "Port; 0 takes a free one. Default 8080.",
      }),
    ),
    public_url: Type.Optional(
      text("Where platforms reach this gateway, e.g. https://bot.example.com."),
    ),
    session_ttl: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 31_536_000,
        description: "Seconds without a message after which a session begins anew. Default 86400.",
      }),
    ),
    agent: Type.Optional(
      Type.Object(
        {
          name: text("Its name, by which it is found again."),
          description: Type.Optional(text("What it is for.")),
          provider: Type.Optional(
            Type.Union([Type.Literal("openai"), Type.Literal("anthropic")], {
              description:
                "Whose model it asks. Default: the built-in answerer, which needs no key.",
            }),
          ),
          api_key: Type.Optional(
            text("Of the provider. Default: OPENAI_API_KEY or ANTHROPIC_API_KEY."),
          ),
          base_url: Type.Optional(text("Where the provider's API begins. Default: the vendor's.")),
          model: Type.Optional(text("Name of the model. Default: the provider's small one.")),
          system_prompt: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 100_000,
              description: "What it is told it is.",
            }),
          ),
          data: Type.Optional(text("Folder of what is stored. Default .troupe/data.")),
          fields: Type.Optional(
            Type.Record(Type.String(), Type.Unknown(), {
              description: "Further fields of the agent, as /v2/agents takes them.",
            }),
          ),
        },
        {
          ...closed,
          description: "An agent that this process runs itself. Either this or server.",
        },
      ),
    ),
    server: Type.Optional(
      Type.Object(
        {
          url: text("Address of a Troupe server."),
          key: text("A key of it that may write channels."),
          tenant: Type.Optional(text("With the server's admin key: the tenant, tn_...")),
          agent: text("Id or name of the agent, team or workflow that answers."),
        },
        {
          ...closed,
          description: "A server that has the agent and the sessions. Either this or agent.",
        },
      ),
    ),
    middleware: Type.Optional(text("File with middleware of your own; with agent.")),
    hosts: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
        maxItems: 100,
        description: "Hosts of private networks that channels may reach; with agent.",
      }),
    ),
    channels: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()), {
      description: "Channels by name; `kind` is the name unless it says another.",
    }),
  },
  closed,
);

/** Reads the file of a folder. @throws CONFIG_INVALID with a line for each thing that is wrong. */
export async function readGatewayFile(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<GatewayFile> {
  for (const name of gatewayFiles) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile()) continue;
    if (found.size > gatewayLimits.fileBytes) {
      const most = gatewayLimits.fileBytes;
      throw invalid([`${name}: has ${found.size} bytes, the limit is ${most}`]);
    }
    return await parseGatewayFile(name, await readFile(path, "utf8"), env);
  }
  throw invalid([`there is no ${gatewayFiles[0]} in ${folder}`]);
}

/** Reads a text. @throws as `readGatewayFile`. */
export async function parseGatewayFile(
  name: string,
  source: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<GatewayFile> {
  const yaml = await import("yaml");
  await loadValidator();
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(source, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw invalid(
      document.errors.map(({ pos, message }) => `${placeAt(name, lines, pos[0])}: ${message}`),
    );
  }
  const problems: string[] = [];
  const wrong = (path: Path, said: string): void => {
    problems.push(`${placeAt(name, lines, offsetOf(document, path))}: ${said}`);
  };
  const raw: unknown = document.toJS({ maxAliasCount: 100 });
  const value = filled(raw, [], env, wrong);
  const faults = validateAll(gatewaySchema as unknown as TSchema, value ?? {});
  for (const { pointer, message } of faults) wrong(pathOf(pointer), message);
  if (problems.length > 0) throw invalid(problems);
  const file = value as FileValue;
  if ((file.agent === undefined) === (file.server === undefined)) {
    wrong([], "one of agent and server is needed: who answers");
  }
  const channels = await channelsOf(file, wrong);
  if (problems.length > 0) throw invalid(problems);
  return {
    ...{ name, text: source, host: file.host ?? "127.0.0.1", port: file.port ?? 8080 },
    agent: agentOf(file),
    settings: {
      name: file.name,
      sessionTtl: file.session_ttl,
      publicUrl: file.public_url,
      middleware: file.middleware,
      hosts: file.hosts,
    },
    channels,
  };
}

interface FileValue {
  readonly name?: string;
  readonly host?: string;
  readonly port?: number;
  readonly public_url?: string;
  readonly session_ttl?: number;
  readonly middleware?: string;
  readonly hosts?: readonly string[];
  readonly agent?: {
    readonly name: string;
    readonly description?: string;
    readonly provider?: "openai" | "anthropic";
    readonly api_key?: string;
    readonly base_url?: string;
    readonly model?: string;
    readonly system_prompt?: string;
    readonly data?: string;
    readonly fields?: Readonly<Record<string, unknown>>;
  };
  readonly server?: {
    readonly url: string;
    readonly key: string;
    readonly tenant?: string;
    readonly agent: string;
  };
  readonly channels: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function agentOf({ agent, server }: FileValue): GatewayAgent {
  if (server !== undefined) {
    const { url, key, tenant, agent: wanted } = server;
    return { server: { url, key, tenant }, agent: wanted };
  }
  const { name = "", description, provider, model, data, fields } = agent ?? {};
  const said = { apiKey: agent?.api_key, baseUrl: agent?.base_url };
  return {
    name,
    description,
    provider,
    model,
    data,
    fields,
    ...said,
    systemPrompt: agent?.system_prompt,
  };
}

/** The channels; what their adapters do not take is told with its place. */
async function channelsOf(
  { channels }: FileValue,
  wrong: (path: Path, said: string) => void,
): Promise<readonly GatewayChannel[]> {
  return await readEntries(channels, (path, said) => wrong(["channels", ...path], said));
}

/** Where a path is, or the nearest above it that is there. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const part = path
      .slice(0, length)
      .map((one) => (/^\d+$/.test(String(one)) ? Number(one) : one));
    const node = (length === 0 ? document.contents : document.getIn(part, true)) as
      | Node
      | null
      | undefined;
    const [start] = node?.range ?? [];
    if (start !== undefined) return start;
  }
  return 0;
}

function placeAt(name: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${name}:${line}:${col}`;
}

function invalid(problems: readonly string[]): RuntimeError {
  return new RuntimeError("CONFIG_INVALID", problems.join("\n"), { problems });
}
