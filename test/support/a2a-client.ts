// The official clients of A2A, on a server of ours: one of each binding and version.

import {
  type Message,
  type Part,
  Role,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
} from "@a2a-js/sdk";
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from "@a2a-js/sdk/client";
import { parseLegacyAgentCard } from "@a2a-js/sdk/compat/v0_3/client";

/** Bindings and versions. */
export const bindings = ["JSON-RPC 1.0", "HTTP+JSON 1.0", "JSON-RPC 0.3"] as const;

/** One of them. */
export type Binding = (typeof bindings)[number];

/** A fetch that shows a key. */
export function fetchWith(key: string): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("X-API-Key", key);
    return fetch(input, { ...init, headers });
  };
}

/** A client of an agent, made from the card that the server shows. */
export async function a2aClient(
  of: { readonly url: string; readonly key: string; readonly agent: string },
  binding: Binding,
): Promise<Client> {
  const fetchImpl = fetchWith(of.key);
  const legacyCompat = { enabled: true };
  const rpc = new JsonRpcTransportFactory({ fetchImpl, legacyCompat });
  const cardUrl = `${of.url}/a2a/${of.agent}/.well-known/agent-card.json`;
  if (binding === "JSON-RPC 0.3") {
    const card: unknown = await (await fetchImpl(cardUrl)).json();
    const factory = new ClientFactory({ transports: [rpc] });
    return await factory.createFromAgentCard(parseLegacyAgentCard(card));
  }
  const rest = new RestTransportFactory({ fetchImpl });
  const factory = new ClientFactory({
    transports: [binding === "HTTP+JSON 1.0" ? rest : rpc],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  return await factory.createFromUrl(cardUrl, "");
}

let count = 0;

/** A message of a user. */
export function userMessage(
  said: string | object,
  more: Partial<Pick<Message, "messageId" | "taskId" | "contextId">> = {},
): Message {
  count += 1;
  const content =
    typeof said === "string"
      ? ({ $case: "text", value: said } as const)
      : ({ $case: "data", value: said } as const);
  const part: Part = { content, metadata: undefined, filename: "", mediaType: "" };
  return {
    ...{ messageId: `m-${process.pid}-${count}`, contextId: "", taskId: "", role: Role.ROLE_USER },
    ...{ parts: [part], metadata: undefined, extensions: [], referenceTaskIds: [] },
    ...more,
  };
}

/** A request that sends it. */
export function sending(
  message: Message,
  configuration: Partial<NonNullable<SendMessageRequest["configuration"]>> = {},
): SendMessageRequest {
  return {
    tenant: "",
    message,
    configuration: {
      acceptedOutputModes: [],
      taskPushNotificationConfig: undefined,
      returnImmediately: false,
      ...configuration,
    },
    metadata: undefined,
  };
}

/** Sends it and gets the task. */
export async function sendTask(client: Client, ...args: Parameters<typeof sending>): Promise<Task> {
  const answer = await client.sendMessage(sending(...args));
  if ("messageId" in answer) throw new Error("It answered with a message.");
  return answer;
}

/** Text of a task's answer. */
export function answerText(task: Pick<Task, "artifacts">): string {
  return task.artifacts.map(({ parts }) => partsText(parts)).join("");
}

function partsText(parts: readonly Part[]): string {
  return parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join("");
}

/** What a stream amounts to: its states in order, and the answer as its pieces make it. */
export function readEvents(events: readonly StreamResponse[]): {
  readonly first: Task | undefined;
  readonly states: readonly number[];
  readonly text: string;
} {
  let text = "";
  const states: number[] = [];
  for (const { payload } of events) {
    if (payload?.$case === "statusUpdate") states.push(payload.value.status?.state ?? -1);
    if (payload?.$case !== "artifactUpdate") continue;
    const piece = partsText(payload.value.artifact?.parts ?? []);
    text = payload.value.append ? text + piece : piece;
  }
  const [head] = events;
  return { first: head?.payload?.$case === "task" ? head.payload.value : undefined, states, text };
}

/** All of a stream. */
export async function allOf(events: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const all: StreamResponse[] = [];
  for await (const event of events) all.push(event);
  return all;
}
