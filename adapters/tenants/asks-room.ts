// Room for what is asked: every protocol has an answer begun by the chat service, whatever its request
// does besides, so that here a message is refused and a decision, a question or a look is not.

import type { TenantLimits } from "../../actors/records/tenant-limits.ts";
import { toErrorData } from "../../runtime/errors.ts";
import type { ChatAsk, ChatService } from "../http/services/chat.ts";
import { isNoRoom, type Release, type StorageRoom } from "./storage-room.ts";

type Asked =
  | Parameters<ChatService["start"]>[0]
  | Parameters<ChatService["complete"]>[0]
  | Parameters<ChatService["background"]>[0];

/**
 * The service, whose answers begin where their tenant has room for what is asked.
 * @param defaults what is asked is told of them: turns judge what they count.
 */
export function withRoom(
  chat: ChatService,
  room: StorageRoom,
  defaults: TenantLimits,
): ChatService {
  const isTold = defaults.conversations != null || defaults.concurrent_runs != null;
  const told = <A extends Asked>(ask: A): A =>
    isTold ? { ...ask, limit: { ...ask.limit, tenantDefaults: defaults } } : ask;
  async function roomed<A extends Asked, T>(ask: A, begin: (ask: A) => Promise<T>): Promise<T> {
    const taken = room.take(ask.caller.tenant, bytesOf(ask));
    if (taken === null) return await begin(told(ask));
    let release: Release = () => undefined;
    let once = ask.once;
    try {
      release = await taken;
    } catch (error) {
      // What was answered under its key is answered once more: it brings nothing.
      if (once === null || !isNoRoom(error)) throw error;
      once = { ...once, otherwise: toErrorData(error) };
    }
    try {
      return await begin(told({ ...ask, once }));
    } finally {
      release();
    }
  }
  return {
    ...chat,
    start: (ask) => roomed(ask, chat.start),
    complete: (ask) => roomed(ask, chat.complete),
    background: (ask) => roomed(ask, chat.background),
  };
}

/** About as many as are stored of what is said. A run once more brings nothing of its own. */
function bytesOf(ask: Asked): number {
  if ("of" in ask) return 0;
  const { text, pictures = [] } = ask as Pick<Partial<ChatAsk>, "text" | "pictures">;
  if (text !== undefined) {
    return pictures.reduce((sum, one) => sum + one.bytes.byteLength, Buffer.byteLength(text));
  }
  const { messages = [] } = ask as {
    readonly messages?: readonly { readonly content?: unknown }[];
  };
  let bytes = 0;
  for (const { content } of messages) {
    if (typeof content === "string") bytes += Buffer.byteLength(content);
  }
  return bytes;
}
