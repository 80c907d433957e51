// The page of every field of a gateway.yaml, as Markdown, from the schemas that files are held to.
// gateway-yaml.md is its output, and a test keeps the two the same.

import { channelInput } from "../../actors/channels/channel.ts";
import { registry } from "../channels/registry.ts";
import { gatewaySchema } from "./file.ts";

/** What of a JSON Schema is said. */
interface Said {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Said>>;
  readonly required?: readonly string[];
  readonly items?: Said;
  readonly anyOf?: readonly Said[];
  readonly patternProperties?: Readonly<Record<string, Said>>;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
}

const HEAD = `# Every field of a gateway.yaml

\`.troupe/gateway.yaml\` (or \`.agentix/gateway.yaml\`) of a project folder: what \`troupe gateway\` reads ([the page](README.md)).
An entry below \`channels\` has fields of every channel and of its kind side by side; \`channels\` of a \`troupe.yaml\` has the
same entries, with \`agent\` and \`tenant\` (default \`tn_default\`) beside them. \`$\{NAME}\` and \`$\{NAME:-otherwise}\` stand for
environment variables in every text. An unknown or wrong field is told with its line and column. Written by
\`troupe gateway fields\`.

\`\`\`yaml
port: 8080
agent:
  name: support
  system_prompt: You are a helpful support agent.
channels:
  team:
    kind: slack
    bot_token: $\{SLACK_BOT_TOKEN}
    signing_secret: $\{SLACK_SIGNING_SECRET}
    session_ttl: 7200
\`\`\`
`;

/** Names, and what stands in a record elsewhere than in a file's entry. */
const elsewhere = new Set(["name", "kind", "settings", "secrets", "agent", "managed_by"]);

const ofEntries: Readonly<Record<string, Said>> = {
  kind: {
    type: "string",
    description: `Of the adapter: ${Object.keys(registry).join(", ")}. Default: the name of the entry.`,
  },
  agent: {
    type: "string",
    description:
      "Id or name of the agent, team or workflow that answers here. Default: the file's own; in a troupe.yaml it is needed.",
  },
};

/** The whole page. */
export async function fieldsPage(): Promise<string> {
  const { properties = {} } = channelInput as unknown as Said;
  const common = Object.entries(properties).filter(([name]) => !elsewhere.has(name));
  const all: Said = { properties: { ...ofEntries, ...Object.fromEntries(common) } };
  const kinds = await Promise.all(
    Object.entries(registry).map(async ([kind, load]) => {
      const { settings, secrets } = await load();
      return `## A channel of kind \`${kind}\`\n\n${table(settings as unknown as Said, secrets)}`;
    }),
  );
  return [
    HEAD,
    `## The file\n\n${table(gatewaySchema as unknown as Said)}`,
    `## Every channel\n\n${table(all)}`,
    ...kinds,
  ].join("\n");
}

function table(schema: Said, secrets: readonly string[] = []): string {
  const head = "| field | | allowed | |\n|---|---|---|---|\n";
  return head + rows(schema, "", secrets).join("");
}

function rows({ properties = {}, required = [] }: Said, above: string, secrets: readonly string[]) {
  return Object.entries(properties).flatMap(([name, field]): string[] => {
    const marks = [
      ...(required.includes(name) ? ["needed"] : []),
      ...(above === "" && secrets.includes(name) ? ["secret"] : []),
    ];
    const cells = [
      `\`${above}${name}\``,
      marks.join(", "),
      allowed(field),
      field.description ?? "",
    ];
    const own = `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
    return [own, ...rows(field, `${above}${name}.`, secrets)];
  });
}

function allowed(field: Said): string {
  if (field.anyOf !== undefined) return field.anyOf.map((one) => `\`${one.const}\``).join(", ");
  switch (field.type) {
    case "string":
      return text(field);
    case "integer":
      return `${field.minimum} to ${field.maximum}`;
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list of ${range(field.minItems, field.maxItems)}: ${allowed(field.items ?? {})}`;
    default:
      if (field.properties !== undefined) return "fields";
      return field.maxProperties === undefined
        ? "by name"
        : `by name, at most ${field.maxProperties}`;
  }
}

function text({ pattern, minLength, maxLength }: Said): string {
  if (pattern !== undefined) return `text like \`${pattern}\``;
  return maxLength === undefined ? "text" : `text of ${range(minLength, maxLength)} characters`;
}

function range(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return `at least ${least ?? 0}`;
  return least === undefined ? `at most ${most}` : `${least} to ${most}`;
}
