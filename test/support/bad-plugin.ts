// A plugin that goes wrong in whichever way its task's first word says, and a few that it does right.

import { createInterface } from "node:readline";

const [, , start = ""] = process.argv;
const say = (message: object): void =>
  void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const kept: Buffer[] = [];

if (start === "dead") process.exit(7);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "hello") {
    if (start === "silent") return;
    return say({ id, result: { protocol: start === "future" ? 9 : 1 } });
  }
  if (method === "cancel" || method === "more") {
    if (task.way === "stubborn") return;
    return say({ id: task.id, result: { text: `${method} ${params.text ?? ""}`.trim() } });
  }
  task = { id, way: params.task.split(" ")[0] };
  work(params);
});

let task = { id: 0, way: "" };

function work({ context, session }: { context: object; session?: string }) {
  const event = (of: object): void => say({ method: "event", params: { task: task.id, ...of } });
  const done = (result: object): void => say({ id: task.id, result });
  switch (task.way) {
    case "die":
      event({ type: "text", text: "I go" });
      process.stderr.write(`killed by ${process.env["PLUGIN_KEY"]}\n`);
      return void setTimeout(() => process.exit(5), 20);
    case "long":
      return void process.stdout.write(`${"x".repeat(1_100_000)}\n`);
    case "noise":
      for (let at = 0; at < 200; at += 1) process.stdout.write("printed by mistake\n");
      return;
    case "some-noise":
      process.stdout.write("printed by mistake\n");
      return done({ text: "fine" });
    case "fail":
      return say({ id: task.id, error: { code: 1, message: `no: ${process.env["PLUGIN_KEY"]}` } });
    case "hang":
    case "stubborn":
      return event({ type: "text", text: "I wait." });
    case "eat":
      for (let at = 0; at < 2_000; at += 1) kept.push(Buffer.alloc(1_024 * 1_024, 1));
      return done({ text: `ate ${kept.length}` });
    case "late":
      done({ text: "first" });
      return event({ type: "text", text: "of nobody" });
    case "cost":
      return event({ type: "usage", input_tokens: 5, output_tokens: 1, cost_usd: 2 });
    case "who":
      return done({ text: JSON.stringify({ pid: process.pid, context, session }) });
    default:
      event({ type: "text", text: "All " });
      event({ type: "tool_call", id: "c1", name: "look", arguments: { at: "it" } });
      event({ type: "tool_result", id: "c1", name: "look", result: [1, 2] });
      event({ type: "text", text: "is well." });
      return done({
        ...{ text: "All is well.", session: "s-1", output: { ok: true } },
        usage: { input_tokens: 5, output_tokens: 3, model: "own", cost_usd: 0.02 },
      });
  }
}
