// `troupe settings`: every setting with default, unit and limit, as Markdown. configuration.md is
// its output, and a test keeps the two the same.

import type { Field, Fields, NamedField } from "../config-field.ts";
import { expected, fileName } from "../config-file.ts";
import { configFields } from "../config-schema.ts";

const HEAD = `# Settings

One optional file, \`troupe.yaml\` in the working folder (or the file that \`TROUPE_CONFIG\` names), and
environment variables, which win over the file. An empty variable counts as unset. An unknown or
wrong setting ends the start with the file, the line and what was expected.

\`\`\`yaml
port: 8080
http:
  body_bytes_max: 1048576
providers:
  - name: local
    base_url: http://127.0.0.1:11434/v1
    models: [llama]
  - name: openai
    api_key: $\{OPENAI_API_KEY}
\`\`\`

Providers also come from the variables their own SDKs use: \`OPENAI_API_KEY\`, \`OPENAI_BASE_URL\`,
\`ANTHROPIC_API_KEY\`, \`ANTHROPIC_BASE_URL\`, and \`OLLAMA_BASE_URL\` (http://127.0.0.1:11434/v1). A base URL without a key is enough for a local server.

A file \`settings.json\` beside \`troupe.yaml\` (without one: in the folder that \`TROUPE_AGENTS\` names) has
further settings by the same names, all but \`channels\`, with less weight than \`troupe.yaml\` and variables:
\`{"agents": {"max_running": 20}}\`. What is wrong in it ends the start as well.

Log files of \`logs\` that somebody else has moved (logrotate) are opened again at SIGHUP, or within 5 s. Of agents,
\`agents/NAME.log\` has the lines of \`GET /v2/agents/{id}/logs\` from \`info\` on (\`log_level: debug\`: all), those of
other tenants than \`tn_default\` in a folder named by the tenant's id; agents of one name in one tenant share a file. What
a name has that cannot stand in a file's name becomes \`_\`, with a mark at its end. They are in clear where
\`encryption\` is on, hold no more than the API shows, and stay when a tenant is removed. A stop keeps in
\`agent-logs.json\` of the data folder how far it came, and the next start goes on there; after a crash a line may be there
twice, by its \`id\`, and runs that began and ended in the last seconds may be missing.

\`LANGCHAIN_API_URL\` and \`VECTOR_DB_URL\` may be set and have no effect, which the log says at the start: models
are reached through \`providers\`, and knowledge is kept in the data folder.

\`TROUPE_ADMIN_KEY\` is the operator's key, 16 to 256 visible ASCII characters. Without it one is made on
the first start, printed once and kept in \`admin-key\` in the data folder, readable by its owner only.
\`troupe chat\` reads \`TROUPE_URL\` and \`TROUPE_KEY\`.

**Memory.** \`npm start\` and the command \`troupe\` start Node.js with \`--initial-old-space-size=256\`: each thread
may hold 256 MiB of old objects before its first and between its major collections. Under full load the
process so takes a few hundred MiB more than it must, and chats are slow once a minute instead of each few
seconds. On a machine with little memory start it without: \`node adapters/cli/troupe.js start\`.
With \`--expose-gc\`, which they give too, a thread that has come to rest gives back what it no longer needs.
`;

/** The whole page. */
export function settingsPage(): string {
  const simple = entriesOf(configFields).filter(([, field]) => isSimple(field));
  const top = `## Top level\n\n${table(Object.fromEntries(simple), true)}`;
  return [HEAD, top, ...sections(configFields, "")].join("\n");
}

/** Prints the page. */
export function run(): Promise<number> {
  process.stdout.write(settingsPage());
  return Promise.resolve(0);
}

function entriesOf(fields: Fields): [string, Field][] {
  return Object.entries(fields);
}

/** One of each group and list of entries; of a group within a group after it, as `group.within`. */
function sections(fields: Fields, above: string): string[] {
  return entriesOf(fields).flatMap(([name, field]) => {
    const path = `${above}${fileName(name)}`;
    if (field.type === "named") return [namedSection(path, field)];
    if (!("fields" in field)) return [];
    const shown = entriesOf(field.fields).filter(([, one]) => isSimple(one));
    const hasVariable = field.type === "group" && shown.some(([, one]) => variablesOf(one) !== "");
    const own = `## \`${path}\`\n\n${field.text}\n\n${table(Object.fromEntries(shown), hasVariable)}`;
    return [own, ...sections(field.fields, `${path}.`)];
  });
}

function isSimple(field: Field): boolean {
  return !("fields" in field) && field.type !== "named";
}

function namedSection(path: string, { text, itemsMax }: NamedField): string {
  return `## \`${path}\`\n\n${text} At most ${itemsMax}.\n\n${more[path] ?? ""}`;
}

/** What else there is to say of entries by name. */
const more: Readonly<Record<string, string>> = {
  channels: `\`\`\`yaml
channels:
  support:
    kind: slack
    agent: Support
    bot_token: $\{SLACK_BOT_TOKEN}
    signing_secret: $\{SLACK_SIGNING_SECRET}
\`\`\`

\`$\{NAME}\` and \`$\{NAME:-otherwise}\` stand for environment variables. The fields of each kind are in
\`adapters/gateway/gateway-yaml.md\`. At the start, when the file changes and at SIGHUP they are made records of
\`/v2/channels\`, found again by name within their tenant; the API refuses to change them (\`CONFLICT\`) while they
are in the file. One that leaves the file is switched off (\`is_active: false\`), keeps its sessions, and is then the
tenant's. What is wrong with one (an agent that is not there) is in the log, tried again every 5 s, and harms no
other. A file that is wrong leaves what holds in place.
`,
};

function table(fields: Fields, withVariable: boolean): string {
  const head = withVariable
    ? "| setting | variable | default | allowed | |\n|---|---|---|---|---|\n"
    : "| setting | default | allowed | |\n|---|---|---|---|\n";
  const rows = entriesOf(fields).map(([name, field]) => {
    const variable = variablesOf(field);
    const cells = [`\`${fileName(name)}\``, defaultOf(field), expected(field), field.text];
    if (withVariable) cells.splice(1, 0, variable);
    return `| ${cells.join(" | ")} |\n`;
  });
  return head + rows.join("");
}

function variablesOf(field: Field): string {
  const names = [
    "env" in field ? field.env : undefined,
    "envToo" in field ? field.envToo : undefined,
  ];
  return names.flatMap((name) => (name === undefined ? [] : `\`${name}\``)).join(", else ");
}

function defaultOf(field: Field): string {
  switch (field.type) {
    case "integer":
      return field.defaultText ?? String(field.default);
    case "choice":
      return field.default;
    case "flag":
      return String(field.default);
    case "text":
      return field.default ? `\`${field.default}\`` : "";
    default:
      return "";
  }
}
