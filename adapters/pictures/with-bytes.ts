// Requests to models with the bytes of their pictures: put in just before a provider is called, so that
// neither what a run remembers nor what is shared between threads holds them.

import type { LlmRequest, PromptMessage } from "../../actors/ports.ts";
import {
  picturesTable,
  rowOfPictureUrl,
  type StoredPicture,
} from "../../actors/records/picture.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";

/** Said in the place of one that went with its message meanwhile. */
const GONE = "[a picture that is not there any more]";

/** The request as a provider is told it. */
export async function withBytes(
  tables: Pick<Reader, "get">,
  tenant: string,
  request: LlmRequest,
): Promise<LlmRequest> {
  const messages: PromptMessage[] = [];
  for (const message of request.messages) {
    messages.push(message.role === "user" ? await filled(tables, tenant, message) : message);
  }
  return { ...request, messages };
}

type Said = PromptMessage & { readonly role: "user" };

async function filled(tables: Pick<Reader, "get">, tenant: string, message: Said): Promise<Said> {
  if (message.images === undefined) return message;
  const images: (typeof message.images)[number][] = [];
  let { content } = message;
  for (const image of message.images) {
    const row = rowOfPictureUrl(image.url);
    const stored = row === null ? null : await tables.get(keys.table(tenant, picturesTable, row));
    if (stored === null) images.push(image);
    else if (stored === undefined) content = `${content}\n${GONE}`;
    else images.push({ ...image, url: dataUrl(decode(stored) as StoredPicture) });
  }
  return { ...message, content, images };
}

function dataUrl({ media_type, bytes }: StoredPicture): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return `data:${media_type};base64,${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}`;
}
