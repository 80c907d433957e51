// `troupe chat`: a conversation with an agent of a running server, in the terminal. The answer
// streams; Ctrl-C cancels the run under way, and ends the program when none is.

import { createInterface, type Interface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { loadClientConfig, loadConfig, wantsColour } from "../config.ts";
import { type Agent, type ChatClient, createChatClient } from "./chat-client.ts";
import { serverUrl } from "./server-url.ts";

const options = {
  url: { type: "string" },
  key: { type: "string" },
  agent: { type: "string" },
  conversation: { type: "string" },
  message: { type: "string" },
} as const;

const isColoured = process.stdout.isTTY === true && wantsColour();
const paint = (code: number, text: string): string =>
  isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
const dim = (text: string): string => paint(2, text);

/** Talks until the input ends; with `--message` answers that one and ends. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const fromEnv = loadClientConfig();
  const config = await loadConfig();
  const url = values.url ?? fromEnv.url ?? serverUrl(config);
  const key = values.key ?? fromEnv.key;
  if (!key) {
    console.error("troupe chat: no key; pass --key or set TROUPE_KEY (troupe start prints one).");
    return 1;
  }
  const client = createChatClient(url.replace(/\/$/, ""), key);
  const input = createInterface({ input: process.stdin, output: process.stdout });
  // From here on lines are kept: what is typed or piped while an answer comes is not lost.
  const lines = input[Symbol.asyncIterator]();
  const mayAsk = process.stdin.isTTY === true && values.message === undefined;
  try {
    const agent = await pickAgent(client, values.agent, mayAsk ? input : null);
    if (agent === null) return 1;
    if (values.message !== undefined) {
      return (await answer(client, agent, values.message, values.conversation, input)).isDone
        ? 0
        : 1;
    }
    await converse({ client, agent, input, lines }, values.conversation);
    return 0;
  } catch (error) {
    console.error(`troupe chat: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    input.close();
  }
}

async function pickAgent(
  client: ChatClient,
  named: string | undefined,
  input: Interface | null,
): Promise<Agent | null> {
  const agents = await client.agents();
  if (named !== undefined) {
    const found = agents.find((one) => one.agent_key === named || one.name === named);
    if (!found) console.error(`troupe chat: there is no agent "${named}".`);
    return found ?? null;
  }
  if (agents.length === 0) console.error("troupe chat: this account has no agent yet.");
  // Where nobody can be asked it is the first one.
  if (agents.length <= 1 || input === null) return agents[0] ?? null;
  agents.forEach((one, at) => {
    console.log(`  ${at + 1}  ${one.name} ${dim(one.agent_key)}`);
  });
  const choice = Number((await input.question("Agent [1]: ")) || "1");
  const picked = agents[choice - 1];
  if (!picked) console.error(`troupe chat: there is no agent ${choice}.`);
  return picked ?? null;
}

interface Talk {
  readonly client: ChatClient;
  readonly agent: Agent;
  readonly input: Interface;
  readonly lines: AsyncIterableIterator<string>;
}

async function converse(talk: Talk, given: string | undefined): Promise<void> {
  const { client, agent, input, lines } = talk;
  let conversation = given;
  console.log(dim(`Talking to ${agent.name}. Ctrl-C stops an answer, Ctrl-D ends.\n`));
  input.setPrompt(paint(1, "> "));
  input.prompt();
  for await (const line of lines) {
    if (line.trim() !== "") {
      const said = await answer(client, agent, line, conversation, input);
      conversation = said.conversation ?? conversation;
    }
    input.prompt();
  }
  if (conversation) console.log(dim(`\nContinue with --conversation ${conversation}`));
}

/** One turn, shown as it comes. */
async function answer(
  client: ChatClient,
  agent: Agent,
  message: string,
  conversation: string | undefined,
  input: Interface,
): Promise<{ conversation?: string; isDone: boolean }> {
  let runId: string | undefined;
  let isCancelled = false;
  const stop = (): void => {
    if (runId === undefined || isCancelled) process.exit(130);
    isCancelled = true;
    client.cancel(runId).catch((error: Error) => console.error(`\ntroupe chat: ${error.message}`));
  };
  input.on("SIGINT", stop);
  process.on("SIGINT", stop);
  let saidConversation: string | undefined;
  try {
    for await (const piece of client.chat(agent.agent_key, message, conversation)) {
      runId = piece.run ?? runId;
      saidConversation = piece.conversation ?? saidConversation;
      if (piece.routing) {
        console.log(dim(`[${piece.routing.action_name}: ${piece.routing.reason}]`));
      }
      if (piece.text) process.stdout.write(piece.text);
      if (piece.sources) printSources(piece.sources);
      if (piece.isBuiltin)
        console.log(dim("\n(The built-in answerer; set OPENAI_API_KEY for a model.)"));
      if (piece.error && !isCancelled) console.error(`\ntroupe chat: ${piece.error}`);
    }
    console.log(isCancelled ? dim("\n(stopped)") : "");
    const said = saidConversation ?? conversation;
    return { ...(said && { conversation: said }), isDone: !isCancelled };
  } finally {
    input.off("SIGINT", stop);
    process.off("SIGINT", stop);
  }
}

function printSources(sources: readonly { title: string; headings?: readonly string[] }[]): void {
  // A page's first heading is its title.
  const names = sources.map(({ title, headings = [] }) =>
    [...(headings[0] === title ? [] : [title]), ...headings].join(" > "),
  );
  if (names.length > 0) console.log(dim(`\n\nSources: ${[...new Set(names)].join("; ")}`));
}
