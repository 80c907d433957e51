// The command table of `troupe`: one record, one file a command. Loaded by troupe.js; a command's
// file is loaded only when it is called.

import type { CommandTable } from "./command.ts";

/** Every command by its name. */
export const commands: CommandTable = {
  start: {
    summary: "Start the server (on an empty data folder: with a sample).",
    usage: "troupe start",
    load: () => import("./start.ts"),
  },
  init: {
    summary: "Make a project folder in which a server starts as it stands.",
    usage: [
      "troupe init [FOLDER] [--domain URL] [--client-id ID] [--force]",
      "",
      "Writes troupe.yaml, settings.json, an example agent (agents/), an example tool (tools/), a folder that",
      "its tools may reach (files/), and folders of data and logs. --domain is the address that browsers reach",
      "it at; --client-id the value of CLIENT_ID in files of agents, and the name of the first tenant.",
      "Files that are there are kept unless --force is said. --with-deps is taken: there is nothing to install.",
      "",
      "  troupe init shop --domain https://agents.example.com --client-id acme",
      "  cd shop && troupe start",
    ].join("\n  "),
    load: () => import("./init.ts"),
  },
  status: {
    summary: "Say whether the server is up, and how its agents and triggers are.",
    usage: [
      "troupe status [--json] [--url URL] [--key KEY] [--tenant TN]",
      "",
      "Version, data folder, agents (running: one of their newest runs is at work; stopped: their triggers are",
      "at rest) with their last runs, and triggers with when they come due. The key is --key, TROUPE_KEY or the",
      "admin key of the data folder. Exit code 1: no server answers, or it is not ready.",
      "",
      "  troupe status --url https://agents.example.com --key troupe_...",
    ].join("\n  "),
    load: () => import("./status.ts"),
  },
  logs: {
    summary: "Show what an agent's runs did, or the server's log, and follow it.",
    usage: [
      "troupe logs [AGENT] [-f] [--level info] [--since 10m] [--search TEXT] [--limit 100] [--json]",
      "                    [--url URL] [--key KEY] [--tenant TN]",
      "",
      "AGENT is an id or the name of one agent: the lines of GET /v2/agents/{id}/logs. Without it the server's",
      "own log, as logs.file in troupe.yaml keeps it, on its machine. --level: debug, info, warn or error and",
      "what is worse. --since: a time (ISO 8601), or how long ago (90s, 10m, 2h, 1d). -f goes on with what comes.",
      "",
      "  troupe logs data-processor -f",
      "  troupe logs --level error --since 1d",
    ].join("\n  "),
    load: () => import("./logs.ts"),
  },
  chat: {
    summary: "Talk to an agent of a running server in the terminal.",
    usage: "troupe chat [--url URL] [--key KEY] [--agent AG] [--conversation CV] [--message TEXT]",
    load: () => import("./chat.ts"),
  },
  replay: {
    summary: "Run a recorded run again: the same, or with something swapped.",
    usage: [
      "troupe replay RUN [--with model=NAME | system_message=FILE | agent=[AG.]VERSION]... [--dry] [--json]",
      "                    [--data FOLDER] [--url URL] [--key KEY] [--tenant TN]",
      "",
      "Reads the run's record from the data folder, or from the server that has it open, and runs it",
      'again without calling anything. Prints each step and "identical: ...", or where it first differs',
      "(exit code 1). --with swaps something and shows the difference step by step: models are asked",
      "only where the prompt has changed, and no effect is repeated; --dry asks nobody. Of a team or a",
      "workflow, model= is that of all its agents, and agent=ag_1.3 the version of one of them.",
    ].join("\n  "),
    load: () => import("./replay.ts"),
  },
  eval: {
    summary: "Grade answers on a data set, or routing or retrieval on a labelled file, with plots.",
    usage: [
      "troupe eval DATA --target ID[@VERSION] [--target ID[@VERSION]] [--scorer NAME]... [--judge RUBRIC]",
      "                         [--judge-model MODEL] [--budget UNITS] [--threshold 0.7] [--concurrency 4] [--tag TAG]",
      "                         [--report PAGE.html] [--json] [--url URL] [--key KEY] [--tenant TN]",
      "troupe eval routing FILE [--train FILE | --agent FILE|AG | --folds N] [--out PAGE.html] [--json]",
      "                         [--text FIELD] [--label FIELD] [--out-of-scope LABEL]",
      "troupe eval retrieval [FOLDER] [--corpus FILE] [--queries FILE] [--qrels FILE]",
      "                         [--mode lexical|vector|hybrid] [--vector-weight 0.05] [--out PAGE.html] [--json]",
      "                         [--score-threshold 0.42] [--outside FILE of questions about something else]",
      "troupe eval guard FILE --rules CHAIN.json [--text FIELD] [--label FIELD] [--json]",
      "",
      "DATA: a data set (ds_) of a running server, or a file of items as JSON lines, which becomes one.",
      "Two targets are compared. Scorers: contains, exact, schema, routing, similarity; contains and routing",
      "when none is named. Exit code 1 when the last target's score is below --threshold, or it did not come",
      "to the end. The key is --key or TROUPE_KEY. The last line has the figures.",
      'routing: JSON lines {"text", "intent"} or CSV; intent "oos" is meant for nobody. The sub-agents are',
      "the labels of --train with its messages as examples, those of --agent (a JSON file with sub_agents,",
      "or an agent of a running server), or the file itself in folds. Prints accuracy, macro F1,",
      "out-of-scope recall, calibration, turns that need a model, latency, and what collides. No model is asked.",
      "retrieval: corpus {_id, title, text}, queries {_id, text}, qrels {q, d, r} as JSON lines or CSV.",
      "Prints nDCG@10, recall@10, MRR and latency with the built-in embedder.",
      'guard: JSON lines {"text", "label"} or CSV; label: names of the rules that are to find something, "all",',
      'or "ok". Prints precision and recall of each rule by itself. Rules that ask a model are left out.',
      "At most 200,000 messages or documents, 1,000 labels, 512 MiB a file.",
    ].join("\n  "),
    load: () => import("./eval.ts"),
  },
  versions: {
    summary: "List an agent's versions; go back to one, or try one on a share of conversations.",
    usage: [
      "troupe versions AGENT [--rollback N | --canary N [--share 0.1] | --promote | --abort]",
      "                      [--url URL] [--key KEY] [--tenant TN]",
    ].join("\n  "),
    load: () => import("./versions.ts"),
  },
  audit: {
    summary: "Verify that the audit of a tenant is whole, or write it out.",
    usage: [
      "troupe audit verify [--from-file EXPORT.jsonl] [--head N:HASH] [--json]",
      "troupe audit export [--format jsonl|csv] [--out FILE]",
      "                    [--action NAME] [--by WHO] [--subject ID] [--from TIME] [--to TIME]   with csv",
      "          [--tenant TN] [--data FOLDER] [--url URL] [--key KEY]",
      "",
      "verify hashes every entry again and says which is the first that is wrong, and how: changed, missing,",
      "reordered, inserted, truncated. It reads the data folder when no server has it open, else the server's",
      "export. --head is what an earlier verify has printed, or the server's log: it must still be there.",
      "Exit code 0: whole; 1: an entry is wrong; 2: it could not be read. The operator's own acts are those",
      "of the tenant tn_system.",
    ].join("\n  "),
    load: () => import("./audit.ts"),
  },
  models: {
    summary: "Fetch a model for local embeddings, or list those that are there.",
    usage: [
      "troupe models pull HUB_ID [--dtype q8] [--revision main]",
      "  troupe models list [--verify]",
      "",
      "Fetches a model's files into the models folder, from huggingface.co or HF_ENDPOINT, with HF_TOKEN",
      "where it is set; what was cut is gone on with, and every file is checked. list says what is",
      "complete and what is missing; --verify reads every file again and compares its hash.",
    ].join("\n  "),
    load: () => import("./models.ts"),
  },
  knowledge: {
    summary: "Add files and folders to a collection, with a progress bar.",
    usage: [
      "troupe knowledge add COLLECTION PATH... [--url URL] [--key KEY] [--tenant TN]",
      "troupe knowledge reembed COLLECTION EMBEDDER [--url URL] [--key KEY] [--tenant TN]",
      "",
      "COLLECTION is an id (cl_...) or a name; a name that is not there yet is created. A folder is",
      "taken with everything below it but hidden files. What has not changed since it was added costs",
      "nothing, so the same command brings a collection up to date.",
    ].join("\n  "),
    load: () => import("./knowledge.ts"),
  },
  pack: {
    summary: "Plan, apply, take back or write out a pack: records of all kinds in one file.",
    usage: [
      "troupe pack plan FILE [--param NAME=VALUE]...",
      "troupe pack apply FILE [--param NAME=VALUE]... [--revision of a plan]",
      "troupe pack rollback PACK [--to VERSION] [--secret NAME]...",
      "troupe pack export PACK [--out FILE], or export --name NAME ID... [--out FILE]",
      "troupe pack list | show PACK | delete PACK",
      "          [--json] [--url URL] [--key KEY] [--tenant TN]",
      "",
      "PACK is an id (pk_...) or a name. An apply is all or nothing, and the same file applied again changes",
      "nothing. Files that documents and skills name lie below the pack's folder; {secret: env:NAME} is taken from the",
      "environment of this command.",
    ].join("\n  "),
    load: () => import("./pack.ts"),
  },
  backup: {
    summary: "Write what a data folder holds into one file, while its server runs.",
    usage: [
      "troupe backup FOLDER|FILE [--with-keys] [--mib-per-second N] [--json]",
      "                    [--data FOLDER] [--url URL] [--key KEY]",
      "",
      "A FOLDER that is there gets a file named by the time; a FILE must not be there yet. The paths are of",
      "the server's machine. What was acknowledged before is in it. THE ADMIN KEY AND THE MASTER KEY ARE NOT,",
      "unless --with-keys puts them in, in clear. A running server writes 32 MiB a second unless told",
      "otherwise; Ctrl-C cancels. Without a server the folder itself is read.",
    ].join("\n  "),
    load: () => import("./backup.ts"),
  },
  restore: {
    summary: "Make a data folder of a backup, or check one.",
    usage: [
      "troupe restore FILE --to FOLDER [--copy] [--json]",
      "troupe restore FILE --check [--json]",
      "",
      "The FOLDER must be missing or empty. Every block is compared with its SHA-256; a damaged backup is",
      "refused with the byte where the damage is. With --copy it can run beside the original: it calls no",
      "webhook, no tool and no other agent.",
    ].join("\n  "),
    load: () => import("./restore.ts"),
  },
  gateway: {
    summary: "Reach an agent from channels: Slack, WhatsApp, e-mail, web chat and more.",
    usage: [
      "troupe gateway [--cwd DIR] [--host HOST] [--port PORT]",
      "troupe gateway doctor [--cwd DIR]",
      "troupe gateway fields",
      "",
      "Reads DIR/.troupe/gateway.yaml: who answers (an agent of its own, or one of a Troupe server) and the",
      "channels. A change of the file is taken while it runs. doctor asks each platform whether secrets are",
      "right and servers can be reached, and says what to do (exit code 1 when something is wrong).",
    ].join("\n  "),
    load: () => import("./gateway.ts"),
  },
  doctor: {
    summary: "Look for what is wrong around a server, running or not, and how to put it right.",
    usage: [
      "troupe doctor [--data FOLDER] [--json] [--url URL] [--key KEY]",
      "",
      "Settings, the data folder and its rights, stores and disk, clock, machine, native parts, port,",
      "the running server, model providers and their keys, files of local models. Exit code 1 when",
      "anything is an error.",
    ].join("\n  "),
    load: () => import("./doctor.ts"),
  },
  mcp: {
    summary: "Speak MCP on standard input and output, for clients that start their servers.",
    usage: [
      "troupe mcp [--url URL]",
      "",
      "Carries messages of the Model Context Protocol to /mcp of a running server and back, in every",
      "revision of the protocol. The key comes from TROUPE_KEY, the server from --url, TROUPE_URL or",
      "the settings. At most 4 MiB a line.",
    ].join("\n  "),
    load: () => import("./mcp.ts"),
  },
  vault: {
    summary: "Show how the master key of stored secrets stands, or take a new one.",
    usage: [
      "troupe vault status | rotate [--json] [--url URL] [--key KEY]",
      "",
      "rotate makes a new key current and waits until all secrets are wrapped by it; the server goes on",
      "meanwhile. With master_key_file or master_key_command put the new key first and keep the old one",
      "behind it before; with TROUPE_MASTER_KEY start the server with NEW,OLD instead.",
    ].join("\n  "),
    load: () => import("./vault.ts"),
  },
  tenant: {
    summary: "Write everything that a tenant has into a file, or check such a file.",
    usage: [
      "troupe tenant export TENANT FILE [--data FOLDER] [--url URL] [--key KEY] [--json]",
      "troupe tenant check FILE [--json]",
      "",
      "JSON lines, as adapters/tenants/README.md says: all that the tenant has at one moment, without secrets.",
      "Reads the data folder when no server has it open, else asks the server, which goes on meanwhile. The",
      "FILE must not be there yet; it is there when it is whole and its checksum is right. check reads one again.",
    ].join("\n  "),
    load: () => import("./tenant.ts"),
  },
  compact: {
    summary: "Copy the data folder into fresh files, without what was removed.",
    usage: [
      "troupe compact [--data FOLDER]",
      "",
      "For a data folder that no server has open. Nothing of a removed tenant is in any file after it, and",
      "the files are as small as they can be. It needs as much free room on the disk as the folder takes. Cut",
      "off at any point it has changed nothing or is done again.",
    ].join("\n  "),
    load: () => import("./compact.ts"),
  },
  restart: {
    summary: "Restart the server without refusing a request.",
    usage: [
      "troupe restart [--data FOLDER]",
      "",
      "The server that has the data folder open starts its successor with the program, the arguments and the",
      "settings that are there now, and hands over to it. Requests wait meanwhile, less than two seconds on",
      "a machine that has time. Exit code 1 when the new one cannot start: then the old one goes on.",
      "",
      "  troupe restart && troupe status",
    ].join("\n  "),
    load: () => import("./restart.ts"),
  },
  settings: {
    summary: "Print every setting with default, unit and limit.",
    usage: "troupe settings",
    load: () => import("./settings.ts"),
  },
  help: {
    summary: "Show this list, or one command.",
    usage: "troupe help [command]",
    load: () => import("./help.ts"),
  },
  version: {
    summary: "Print the version.",
    usage: "troupe version",
    load: () => import("./version.ts"),
  },
};

const aliases: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-v": "version",
};

/** Runs the command that `args` name; without one, help. Returns the exit code or null. */
export async function runCommand(args: readonly string[]): Promise<number | null> {
  const [written = "help", ...rest] = args;
  const name = aliases[written] ?? written;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    console.error(`troupe: there is no command "${written}"; troupe help lists them.`);
    return 1;
  }
  const wantsHelp = rest.includes("--help") || rest.includes("-h");
  const module = wantsHelp ? await import("./help.ts") : await command.load();
  return module.run(wantsHelp ? [name] : rest, commands);
}
