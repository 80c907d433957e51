// A chat of the AI SDK without React, as `useChat` has it within: `AbstractChat` over `DefaultChatTransport`,
// both unchanged, with a state in plain memory.

import {
  AbstractChat,
  type ChatInit,
  type ChatState,
  type ChatStatus,
  DefaultChatTransport,
  type UIMessage,
} from "ai";

/** Where a chat is. */
export interface ChatPlace {
  readonly url: string;
  readonly key: string;
  readonly agent: string;
}

/** What a test has its own of. */
export type ChatParts = Omit<ChatInit<UIMessage>, "transport"> & {
  readonly body?: Readonly<Record<string, unknown>>;
  /** In place of the global one. */
  readonly fetch?: typeof fetch;
};

class MemoryState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined;
  messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.messages = messages;
  }

  pushMessage = (message: UIMessage): void => {
    this.messages = [...this.messages, message];
  };

  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };

  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages = this.messages.with(index, this.snapshot(message));
  };

  snapshot = <T>(thing: T): T => structuredClone(thing);
}

/** What `useChat` works on. */
export class Chat extends AbstractChat<UIMessage> {
  constructor(
    { url, key, agent }: ChatPlace,
    { body, fetch: own, messages, ...init }: ChatParts = {},
  ) {
    const transport = new DefaultChatTransport<UIMessage>({
      api: `${url}/v2/agents/${agent}/ui-chat`,
      headers: { "X-API-Key": key },
      ...(body && { body }),
      ...(own && { fetch: own }),
    });
    super({ ...init, transport, state: new MemoryState(messages ?? []) });
  }
}

/** Text of a message. */
export function textIn(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}
