// Pictures that a message brings: named in its text, which guardrails look at, kept when nothing refuses it any
// more, and gone again when its conversation did not take it.

import { limits } from "../../../actors/limits.ts";
import type { ChatAccepted } from "../../../actors/records/conversation.ts";
import type { Picture } from "../../../actors/records/picture.ts";
import { type ErrorCode, RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { OnTheWay, PictureShelf } from "../../pictures/shelf.ts";
import type { ChatService } from "./chat.ts";
import type { Pictured } from "./pictured.ts";

/** What may have happened all the same: what it brought stays. */
const uncertain: ReadonlySet<ErrorCode> = new Set([
  ...(["CANCELLED", "DEADLINE", "REQUEST_TIMEOUT", "WORKER_LOST", "STALE_EPOCH"] as const),
  ...(["SHUTTING_DOWN", "STORE_FULL", "STORE_FAILED", "INTERNAL"] as const),
]);

/** The service, whose messages may bring pictures. */
export function withSentPictures(
  chat: ChatService,
  tables: Pick<Tables, "get" | "write">,
): ChatService {
  let shelf: Promise<PictureShelf> | undefined;
  const loaded = async (): Promise<PictureShelf> => {
    const { createPictureShelf } = await import("../../pictures/shelf.ts");
    return createPictureShelf(tables);
  };
  type Asked = Parameters<ChatService["start"]>[0] | Parameters<ChatService["background"]>[0];
  async function pictured<A extends Asked, T>(
    ask: A,
    begin: (ask: A) => Promise<T>,
    acceptedOf: (begun: T) => ChatAccepted,
  ): Promise<T> {
    const { pictures = [] } = ask as Pictured;
    if (pictures.length === 0) return await begin(ask);
    if (pictures.length > limits.pictures) throw tooMany();
    const { tenant } = ask.caller;
    let onTheWay: OnTheWay | undefined;
    let place = "";
    const keep = async (conversation: string): Promise<readonly Picture[]> => {
      shelf ??= loaded();
      place = conversation;
      const bytes = pictures.map((one) => one.bytes);
      onTheWay = await (await shelf).keep({ tenant, conversation }, bytes);
      return onTheWay.images;
    };
    const { pictureLine } = await import("../../../actors/records/picture.ts");
    const { text } = ask as { readonly text?: string };
    const lines = pictures.map(({ name }) => pictureLine(name));
    const named = [...(text ? [text] : []), ...lines].join("\n");
    try {
      const begun = await begin({ ...ask, text: named, keep });
      // Answered once more under its key, it may have been taken elsewhere.
      await onTheWay?.ended(acceptedOf(begun).conversation_key === place);
      return begun;
    } catch (error) {
      await onTheWay?.ended(uncertain.has(toErrorData(error).code));
      throw error;
    }
  }
  return {
    ...chat,
    start: (ask) => pictured(ask, chat.start, ({ accepted }) => accepted),
    background: (ask) => pictured(ask, chat.background, (accepted) => accepted),
  };
}

function tooMany(): RuntimeError {
  const text = `A message has at most ${limits.pictures} pictures.`;
  return new RuntimeError("INVALID", text, { pointer: "/images" });
}
