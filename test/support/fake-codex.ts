// A coding agent on a command line that speaks the wire of `codex exec --json`: it reads its task from its standard
// input to its end, and says one event a line.

const argv = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const item = (type: "started" | "completed", of: object): void =>
  say({ type: `item.${type}`, item: of });

let task = "";
for await (const piece of process.stdin) task += String(piece);

say({ type: "thread.started", thread_id: "th_1" });
say({ type: "turn.started" });
if (task.endsWith("fail")) {
  say({ type: "error", message: "no such model" });
  say({ type: "turn.failed", error: { message: "no such model" } });
  process.exit(1);
}
if (task.endsWith("argv")) {
  item("completed", { id: "item_0", type: "agent_message", text: JSON.stringify(argv) });
} else {
  item("completed", { id: "item_0", type: "reasoning", text: "Let me see." });
  item("completed", { id: "item_0", type: "agent_message", text: "I look." });
  const command = { id: "item_1", type: "command_execution", command: "ls" };
  item("started", { ...command, aggregated_output: "", status: "in_progress" });
  const output = { aggregated_output: "a b", exit_code: 0, status: "completed" };
  item("completed", { ...command, ...output });
  item("completed", { id: "item_2", type: "agent_message", text: "Two files." });
}
say({
  type: "turn.completed",
  usage: { input_tokens: 90, cached_input_tokens: 40, output_tokens: 10 },
});
