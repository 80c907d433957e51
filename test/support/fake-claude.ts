// A coding agent on a command line that speaks the wire of Claude Code ("stream-json") as far as the driver uses it: a
// process of its own, whose sessions lie in its working folder as the real one's lie beside it. What it does is the
// first word of its task; the rest it repeats.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

interface Message {
  readonly type: string;
  readonly message?: { readonly content: readonly { readonly text: string }[] };
  readonly request?: { readonly subtype: string };
  readonly request_id?: string;
}

const argv = process.argv.slice(2);
const optionOf = (name: string): string | undefined => argv[argv.indexOf(name) + 1 || argv.length];
const model = optionOf("--model") ?? "claude-sonnet-4-5";
const resumed = optionOf("--resume");
const session = resumed ?? `5e55-${process.pid}-${Date.now()}`;
const file = `.sessions/${session}.json`;
const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify({ ...line, session_id: session })}\n`);
};
const usage = (output: number) => ({
  ...{ input_tokens: 10, output_tokens: output },
  ...{ cache_read_input_tokens: 100, cache_creation_input_tokens: 5 },
});
const heard: string[] = [];
let cost = 0;
let messages = 0;
let turns = 0;

function result(of: object) {
  const modelUsage = {
    [model]: {
      ...{ inputTokens: 10 * messages, outputTokens: 7 * messages },
      ...{ cacheReadInputTokens: 100 * messages, cacheCreationInputTokens: 5 * messages },
      ...{ webSearchRequests: 0, costUSD: cost, contextWindow: 200_000 },
    },
  };
  say({
    ...{ type: "result", subtype: "success", is_error: false, duration_ms: 5, duration_api_ms: 4 },
    ...{ num_turns: turns, total_cost_usd: cost, usage: usage(7), modelUsage },
    ...{ permission_denials: [], uuid: "u", ...of },
  });
}

/** A message of the model, in pieces and then whole, as `--include-partial-messages` has it. */
function message(text: string, calls: readonly object[] = []): void {
  messages += 1;
  turns += 1;
  cost += 0.01;
  const id = `msg_${messages}`;
  const event = (inner: object): void =>
    say({ type: "stream_event", event: inner, parent_tool_use_id: null });
  event({ type: "message_start", message: { id, role: "assistant", content: [], model } });
  if (text !== "") {
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
    const half = Math.ceil(text.length / 2);
    for (const piece of [text.slice(0, half), text.slice(half)]) {
      const delta = { type: "text_delta", text: piece };
      event({ type: "content_block_delta", index: 0, delta });
    }
    event({ type: "content_block_stop", index: 0 });
  }
  const of = { id, type: "message", role: "assistant", model, usage: usage(7), stop_reason: null };
  const blocks = [...(text === "" ? [] : [{ type: "text", text }]), ...calls];
  // One line a block, each with the whole message's id.
  for (const block of blocks) {
    say({ type: "assistant", message: { ...of, content: [block] }, parent_tool_use_id: null });
  }
}

function callTool(id: string, input: object, output: unknown, isError = false): void {
  message("", [{ type: "tool_use", id, name: "Bash", input }]);
  const content = [{ type: "tool_result", tool_use_id: id, content: output, is_error: isError }];
  say({ type: "user", message: { role: "user", content }, parent_tool_use_id: null });
}

function done(text: string) {
  message(text);
  mkdirSync(".sessions", { recursive: true });
  writeFileSync(file, JSON.stringify(heard));
  result({ result: text });
}

function work(task: string) {
  heard.push(task);
  const [way = "", ...words] = task.split(" ");
  const rest = words.join(" ");
  switch (way) {
    case "argv":
      return done(JSON.stringify({ argv, cwd: process.cwd(), env: Object.keys(process.env) }));
    case "heard":
      return done(JSON.stringify(heard));
    case "tools":
      message("I look.");
      callTool("toolu_1", { command: "ls" }, "a.txt\nb.txt");
      callTool("toolu_2", { command: "cat c" }, [{ type: "text", text: "no such file" }], true);
      return done(`Two files. ${rest}`);
    case "secret":
      callTool("toolu_1", { command: "env" }, `KEY=${process.env["AGENT_KEY"]}`);
      return done(`The key is ${process.env["AGENT_KEY"]}.`);
    case "crash":
      message("I begin");
      process.stderr.write(`a bug, with ${process.env["AGENT_KEY"]}\n`);
      process.exitCode = 3;
      return void process.stdin.destroy();
    case "partial":
      message("I begin");
      return void process.stdout.write('{"type":"resu', () => process.exit(0));
    case "odd":
      process.stdout.write("npm warn something\n\n[1,2]\n{}\n");
      say({ type: "system", subtype: "of_tomorrow", what: 1 });
      say({ type: "of_tomorrow" });
      return done("Done in spite of it.");
    case "huge":
      process.stdout.write(`{"type":"user","x":"${"x".repeat(9 * 1_024 * 1_024)}"}\n`);
      return done("After a huge line.");
    case "turns":
      message("Too little time.");
      return result({ subtype: "error_max_turns", is_error: true, result: undefined });
    case "refused":
      return result({ subtype: "success", is_error: true, result: "API Error: 529 overloaded" });
    case "dear": {
      // It goes on until somebody stops it.
      message("More and more.");
      const timer = setInterval(() => message("More and more."), 5);
      process.stdin.on("close", () => clearInterval(timer));
      return;
    }
    case "wait":
      message("I wait.");
      return;
    case "deaf":
      message("I wait.");
      process.on("SIGTERM", () => undefined);
      interrupted = () => undefined;
      setInterval(() => undefined, 1_000);
      return;
    case "asks":
      say({
        ...{ type: "control_request", request_id: "r1" },
        request: { subtype: "can_use_tool", tool_name: "Bash", input: {} },
      });
      return;
    default:
      return done(`${way} ${rest}`.trim());
  }
}

let interrupted: () => void = () => {
  result({ subtype: "error_during_execution", is_error: true, errors: ["interrupted"] });
  process.exit(0);
};

if (resumed !== undefined && !existsSync(file)) {
  const errors = [`No conversation found with session ID: ${resumed}`];
  say({
    ...{ type: "result", subtype: "error_during_execution", is_error: true, num_turns: 0 },
    ...{ total_cost_usd: 0, usage: {}, modelUsage: {}, errors },
  });
  process.exit(1);
}
if (resumed !== undefined) heard.push(...(JSON.parse(readFileSync(file, "utf8")) as string[]));

let begun = false;
createInterface({ input: process.stdin }).on("line", (line) => {
  const told = JSON.parse(line) as Message;
  if (told.type === "control_request") return interrupted();
  if (told.type === "control_response") return done(`Answered: ${line}`);
  const text = told.message?.content.map((part) => part.text).join("") ?? "";
  if (!begun) {
    begun = true;
    const tools = ["Bash", "Read"];
    say({ type: "system", subtype: "init", cwd: process.cwd(), model, tools, mcp_servers: [] });
    return work(text);
  }
  heard.push(text);
  done(`Also: ${text}`);
});
