// An agent of another system, made of the official SDK's own server classes: it says what it was told, in
// the state that a test wants. It counts what it heard.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentCard, type Message, Role, type Task, TaskState } from "@a2a-js/sdk";
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  ServerCallContext,
} from "@a2a-js/sdk/server";
import type { Gate } from "./scripted-llm.ts";

/** One that runs. */
export interface RemoteAgent {
  /** Of its card. */
  readonly url: string;
  /** Messages that it was sent, and what of them was their text. */
  readonly messages: Message[];
  readonly texts: string[];
  /** Values of `authorization`. */
  readonly keys: Set<unknown>;
  /** Those of them that it does not take. */
  readonly refused: Set<unknown>;
  readonly cancelled: string[];
  /** Its tasks, oldest first. */
  readonly tasks: string[];
  /** JSON-RPC methods, in order. */
  readonly methods: string[];
  cards: number;
  /** Events that its streams have given. */
  events: number;
  /** In which its tasks end. Default completed. */
  state: TaskState;
  /** What it says. Default `Heard: ` and the text. */
  say: (text: string) => string;
  /** Data beside it. */
  data: unknown;
  /** Tasks that begin wait here. */
  held: Gate | null;
  /** What it says piece by piece, each when it is taken from here; then that is its answer. */
  pieces: AsyncIterable<string> | null;
  /** Before each JSON-RPC request is answered. */
  before: (method: string) => Promise<void> | void;
  /** Somebody has signed in, or whatever its last task has waited for: it is in this state, and says this. */
  goOn: (state: TaskState, text: string) => Promise<void>;
  /** As a new one. */
  reset(): void;
  stop(): Promise<void>;
}

const usual = () => ({
  state: TaskState.TASK_STATE_COMPLETED,
  say: (text: string) => `Heard: ${text}`,
  data: undefined,
  held: null,
  pieces: null,
  before: () => undefined,
});

/** Starts one. */
export async function startRemoteAgent(): Promise<RemoteAgent> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const remote: RemoteAgent = {
    ...{ url: `${base}/card.json`, messages: [], texts: [], methods: [], tasks: [] },
    ...{
      keys: new Set<unknown>(),
      refused: new Set<unknown>(),
      cancelled: [],
      cards: 0,
      events: 0,
    },
    ...usual(),
    goOn: () => Promise.reject(new Error("It has begun no task.")),
    reset() {
      const { messages, texts, cancelled, methods, tasks } = remote;
      for (const list of [messages, texts, cancelled, methods, tasks]) list.length = 0;
      Object.assign(remote, usual(), { events: 0 });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  answer(server, base, remote);
  return remote;
}

function answer(server: Server, base: string, remote: RemoteAgent): void {
  const card = AgentCard.fromJSON({
    ...{ name: "Remote", description: "Repeats.", version: "1" },
    supportedInterfaces: [
      { url: `${base}/rpc`, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
    ],
    capabilities: { streaming: true },
  });
  const store = new InMemoryTaskStore();
  const handler = new DefaultRequestHandler(card, store, executorOf(remote));
  const as = new ServerCallContext({ requestedVersion: "1.0" });
  remote.goOn = async (state, text) => {
    const id = remote.tasks.at(-1) ?? "";
    const task = await store.load(id, as);
    if (task === undefined) throw new Error(`It has no task ${id}.`);
    const message = messageOf(text, { id, contextId: task.contextId });
    await store.save({ ...task, status: { state, message, timestamp: undefined } }, as);
  };
  const transport = new JsonRpcTransportHandler(handler);
  server.on("request", async (request, response) => {
    if (remote.refused.has(request.headers.authorization)) {
      response.writeHead(401).end("{}");
      return;
    }
    remote.keys.add(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    if (request.method === "GET") {
      remote.cards += 1;
      response.end(JSON.stringify(AgentCard.toJSON(card)));
      return;
    }
    const context = new ServerCallContext({ requestedVersion: "1.0" });
    const body = await textOf(request);
    const { method } = JSON.parse(body) as { readonly method: string };
    remote.methods.push(method);
    await remote.before(method);
    const answer = await transport.handle(body, context);
    if (!(Symbol.asyncIterator in answer)) {
      response.end(JSON.stringify(answer));
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    response.flushHeaders();
    try {
      for await (const event of answer) {
        response.write(`data: ${JSON.stringify(event)}\n\n`);
        remote.events += 1;
      }
    } catch {
      // Of a task that has ended there is nothing to follow.
    }
    response.end();
  });
}

function executorOf(remote: RemoteAgent): AgentExecutor {
  return {
    execute: async ({ userMessage, taskId: id, contextId }, bus) => {
      const said = String(userMessage.parts[0]?.content?.value);
      remote.messages.push(userMessage);
      remote.texts.push(said);
      remote.tasks.push(id);
      const none = { artifacts: [], history: [], metadata: undefined };
      const at = (of: TaskState, text: string) => ({
        ...{ state: of, message: messageOf(text, { id, contextId }), timestamp: undefined },
      });
      bus.publish(
        AgentEvent.task({ id, contextId, status: at(TaskState.TASK_STATE_WORKING, ""), ...none }),
      );
      let append = false;
      for await (const piece of remote.pieces ?? []) {
        const { parts } = messageOf(piece, { id, contextId });
        const artifact = { artifactId: "a", name: "", description: "", parts, extensions: [] };
        bus.publish(
          AgentEvent.artifactUpdate({
            ...{ taskId: id, contextId, append, lastChunk: false, metadata: undefined },
            artifact: { ...artifact, metadata: undefined },
          }),
        );
        append = true;
      }
      await remote.held?.wait(new AbortController().signal);
      const status = at(remote.state, remote.say(said));
      if (remote.data !== undefined) status.message.parts.push(dataOf(remote.data));
      bus.publish(AgentEvent.statusUpdate({ taskId: id, contextId, status, metadata: undefined }));
      bus.finished();
    },
    cancelTask: async (taskId, bus) => {
      remote.cancelled.push(taskId);
      const status = {
        ...{ state: TaskState.TASK_STATE_CANCELED, message: undefined, timestamp: undefined },
      };
      bus.publish(AgentEvent.statusUpdate({ taskId, contextId: "", status, metadata: undefined }));
      bus.finished();
    },
  };
}

function messageOf(text: string, of: Pick<Task, "id" | "contextId">): Message {
  return {
    ...{ messageId: "r", role: Role.ROLE_AGENT, taskId: of.id, contextId: of.contextId },
    parts: [
      { content: { $case: "text", value: text }, metadata: undefined, filename: "", mediaType: "" },
    ],
    ...{ metadata: undefined, extensions: [], referenceTaskIds: [] },
  };
}

const dataOf = (value: unknown): Message["parts"][number] => ({
  ...{ content: { $case: "data", value }, metadata: undefined, filename: "", mediaType: "" },
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return text;
}
