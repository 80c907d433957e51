// The files that `troupe init` makes.

/** `settings.json`: further settings, which troupe.yaml and variables win over. */
export const exampleSettings = `${JSON.stringify(
  { agents: { max_running: 10, timeout: 300, remote_tools: false } },
  null,
  2,
)}\n`;

/** `troupe.yaml`. */
export function projectSettings({
  publicUrl,
  client,
}: {
  readonly publicUrl: string | null;
  readonly client: string | null;
}): string {
  const url =
    publicUrl === null
      ? "# public_url: https://troupe.example.com"
      : `public_url: ${quoted(publicUrl)}`;
  const id = client === null ? "  # client_id: acme" : `  client_id: ${quoted(client)}`;
  return `# Settings of this server; \`troupe settings\` lists all. Further ones are in settings.json.
${url}
data: ./data
# On standard error and in logs/troupe.log: info has a line for each request, warn what needs somebody.
log_level: info

agents:
  folder: ./agents
  # The value of \${CLIENT_ID} in files of agents; on a new data folder the name of the first tenant.
${id}

tools:
  # Folders of this machine that tools and triggers may reach: nothing else of it.
  folders:
    - name: files
      path: ./files
      tenants: [tn_default]
      access: write
  # Each script in it is a tool, custom.NAME.
  scripts: ./tools

logs:
  file: ./logs/troupe.log
  agents: ./logs/agents

# A model server on this machine, as Ollama:
# providers:
#   - name: ollama
#     base_url: http://127.0.0.1:11434/v1
#     models: [llama*]
`;
}

/** `agents/data-processor.yaml`: the example of the orchestrator's documentation. */
export const exampleAgent = `name: data-processor
description: "Processes and analyzes data files"
# Without a model the server's default answers, and without a provider the built-in answerer.
# model: llama2
tools:
  - name: file_reader
    description: "Reads data files"
    permissions: ["read"]
    paths: ["files"]
  - name: data_analyzer
    description: "Analyzes data"
    permissions: ["read", "execute"]
    paths: ["files"]
memory:
  type: vector_db
  collection: "data_processor_memory"
triggers:
  - type: file_change
    path: "files/incoming"
  - type: schedule
    cron: "0 * * * *" # Hourly
constraints:
  max_runtime: 600 # seconds
  max_tokens: 8000
  allowed_domains: ["local"]
`;

/** `tools/row_count.mjs`: a tool of one's own. */
export const exampleTool = `export const description = "Counts the rows of a text of lines.";
export const parameters = {
  type: "object",
  properties: { text: { type: "string" } },
  required: ["text"],
};
export default async function ({ text }) {
  return { rows: text.split("\\n").filter((line) => line.trim() !== "").length };
}
`;

const quoted = (text: string): string => JSON.stringify(text);
