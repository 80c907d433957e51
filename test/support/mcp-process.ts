// A tool server that is a child process, as tests of processes start it. What it does beside answering is its first
// argument: `current` and `older` speak a revision each, `helper` leaves a process of its own behind, `dies` ends when
// it is called, `loud` writes much to its standard error, `endless` writes a line that does not end.

import { spawn } from "node:child_process";
import { Server as OlderServer } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

const [, , way = "current"] = process.argv;
const tools = ["environment", "process", "wait"].map((name) => ({
  ...{ name, description: `Tells of the ${name}.`, inputSchema: { type: "object" as const } },
}));
let helper: number | undefined;
/** Calls that wait, and those that were cancelled. */
let waiting = 0;
let cancelled = 0;

async function answer(name: string, signal: AbortSignal) {
  if (way === "dies") process.exit(3);
  if (name === "wait") {
    waiting += 1;
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    cancelled += 1;
  }
  const of =
    name === "environment" ? process.env : { pid: process.pid, helper, waiting, cancelled };
  return { content: [], structuredContent: { ...of } };
}

if (way === "helper") {
  const idle = ["-e", "setInterval(() => {}, 1000)"];
  helper = spawn(process.execPath, idle, { stdio: "ignore" }).pid;
}
if (way === "loud") for (let at = 0; at < 500; at += 1) process.stderr.write(`line ${at}\n`);
if (way === "endless") {
  const more = (): void => void process.stdout.write("x".repeat(1_000_000), more);
  more();
} else if (way === "older") {
  // As some of that time do, it ends when it is asked what it does not know.
  process.stdin.on("data", (piece) => {
    if (String(piece).includes("server/discover")) process.exit(1);
  });
  const server = new OlderServer({ name: "old", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) =>
    answer(params.name, signal),
  );
  await server.connect(new StdioServerTransport());
} else {
  serveStdio(() => {
    const server = new Server({ name: "new", version: "1" }, { capabilities: { tools: {} } });
    server.setRequestHandler("tools/list", () => ({ tools }));
    server.setRequestHandler("tools/call", ({ params }, { mcpReq }) =>
      answer(params.name, mcpReq.signal),
    );
    return server;
  });
}
