// The chat API as the terminal uses it: list agents, stream an answer, cancel a run. It speaks HTTP
// to a server that may run anywhere, so it knows nothing of the server's own modules.

import { eventsOf } from "./event-lines.ts";

/** An agent as listed. */
export interface Agent {
  readonly agent_key: string;
  readonly name: string;
}

/** One step of an answer; what is not new in it is absent. */
export interface Piece {
  readonly run?: string;
  readonly conversation?: string;
  readonly text?: string;
  readonly routing?: { readonly action_name: string; readonly reason: string };
  readonly sources?: readonly { title: string; headings?: readonly string[] }[];
  /** Set on the last piece when the built-in answerer answered. */
  readonly isBuiltin?: boolean;
  readonly error?: string;
}

/** A client of one server and key. Errors are plain Errors with the server's own message. */
export interface ChatClient {
  agents(): Promise<readonly Agent[]>;
  chat(agent: string, message: string, conversation?: string): AsyncIterable<Piece>;
  cancel(run: string): Promise<void>;
}

/** Makes a client. `url` without a slash at the end. */
export function createChatClient(url: string, key: string): ChatClient {
  const call = async (path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "X-API-Key": key, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch((cause: Error) => {
      throw new Error(`no server answers at ${url}; start one with: npm start`, { cause });
    });
    if (!response.ok) throw new Error(await messageOf(response));
    return response;
  };
  return {
    agents: async () => {
      const listed = (await (await call("/v1/proxy/core-agents")).json()) as { data: Agent[] };
      return listed.data;
    },
    cancel: async (run) => {
      await call(`/v2/runs/${encodeURIComponent(run)}/cancel`, {});
    },
    chat: async function* (agent, message, conversation) {
      const response = await call("/v1/proxy/core-agent-chat", {
        agent_key: agent,
        message,
        stream: true,
        ...(conversation && { conversation_key: conversation }),
      });
      for await (const { data } of eventsOf(response)) {
        if (data === "[DONE]") return;
        yield pieceOf(JSON.parse(data) as Chunk);
      }
      throw new Error("the connection was cut before the answer had ended");
    },
  };
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly run_id?: string;
  readonly conversation_key?: string;
  readonly routing_info?: { readonly action_name: string; readonly reason: string };
  readonly sources?: readonly { title: string; headings?: readonly string[] }[];
  readonly builtin?: boolean;
  readonly error?: { readonly message: string };
}

function pieceOf(chunk: Chunk): Piece {
  const [choice] = chunk.choices ?? [];
  const text = choice?.delta?.content;
  // They come before the text too; people read them after it.
  const isLast = typeof choice?.finish_reason === "string";
  return {
    ...(chunk.run_id && { run: chunk.run_id }),
    ...(chunk.conversation_key && { conversation: chunk.conversation_key }),
    ...(chunk.routing_info && { routing: chunk.routing_info }),
    ...(text && { text }),
    ...(isLast && chunk.sources && { sources: chunk.sources }),
    ...(chunk.builtin && { isBuiltin: true }),
    ...(chunk.error && { error: chunk.error.message }),
  };
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { error?: { message?: string }; detail?: string };
    return body.error?.message ?? body.detail ?? `HTTP ${response.status}`;
  } catch {
    return `HTTP ${response.status}`;
  }
}
