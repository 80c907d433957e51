// Files that go with a mail: texts that the model writes, files below the granted paths of the tool, and pictures that
// were sent in the conversation. They are stored with the mail in one turn, which bounds all of them together.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { MadeFile } from "../channels/outgoing.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";
import { type MessageRecord, messageKey } from "../records/conversation.ts";
import { pictureRow, picturesTable, type StoredPicture } from "../records/picture.ts";
import { ownerOf } from "../turn-input.ts";

type Context = RunContext<Ports>;

/** Messages that a picture is looked for in, newest first. */
const MESSAGES_LOOKED = 200;
/** Where a message is the last that can be. */
const MESSAGES_END = 99_999_999;
const FILES_MAX = limits.sentFiles;

const MEDIA: Readonly<Record<string, string>> = {
  ...{ csv: "text/csv", html: "text/html", json: "application/json", md: "text/markdown" },
  ...{ pdf: "application/pdf", png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg" },
  ...{ txt: "text/plain", xml: "application/xml", zip: "application/zip" },
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** One of a call. */
export type Attachment =
  | { readonly name: string; readonly content: string }
  | { readonly path: string }
  | { readonly picture: string };

/** JSON Schema of them. */
export const attachmentsSchema = (hasPaths: boolean): object => {
  const one = (properties: object) => ({
    ...{ type: "object", properties, required: Object.keys(properties) },
    additionalProperties: false,
  });
  const text = { type: "string", minLength: 1 };
  const kinds = [
    one({
      name: { ...text, maxLength: 200 },
      content: { ...text, maxLength: limits.sentFileBytes },
    }),
    one({ picture: { ...text, maxLength: 200, description: "Name of one of this conversation." } }),
    ...(hasPaths ? [one({ path: { ...text, maxLength: 1_024 } })] : []),
  ];
  return { type: "array", maxItems: FILES_MAX, items: { anyOf: kinds } };
};

/** The files of a call, as a step. @throws INVALID, NOT_FOUND, FORBIDDEN. */
export async function attachedFiles(
  context: Context,
  key: string,
  { attachments, paths }: { readonly attachments: unknown; readonly paths: readonly string[] },
): Promise<readonly MadeFile[]> {
  const given = listOf(attachments);
  if (given.length === 0) return [];
  return await context.step(
    `${key}:files`,
    async () => {
      const files: MadeFile[] = [];
      let left = limits.sentMailFilesBytes;
      for (const [at, one] of given.entries()) {
        const file = await placed(at, () => fileOf(context, one, { paths, left }));
        left -= Buffer.byteLength(file.content);
        if (left < 0) throw tooLarge(`/attachments/${at}`);
        files.push(file);
      }
      return files;
    },
    { repeat: "safe", timeoutMs: limits.toolMs },
  );
}

async function fileOf(
  context: Context,
  one: Attachment,
  { paths, left }: { readonly paths: readonly string[]; readonly left: number },
): Promise<MadeFile> {
  if ("picture" in one) return await pictureCalled(context, String(one.picture));
  if ("path" in one) {
    const { tenant, ports } = context;
    if (paths.length === 0) {
      throw new RuntimeError("FORBIDDEN", "This tool reaches no files: it has no paths.");
    }
    const target = { tenant, paths, path: String(one.path), bytesMax: left };
    const { name, bytes } = await ports.files.read(target);
    return { ...called(name), content: bytes };
  }
  return { ...called(String(one.name)), content: String(one.content) };
}

/** A name and no path; what it is follows from its ending. */
function called(given: string): Pick<MadeFile, "name" | "mediaType"> {
  const name = given.replace(/[\p{Cc}/\\"]/gu, "_").slice(0, 200) || "file";
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const known = Object.hasOwn(MEDIA, ending) ? MEDIA[ending] : undefined;
  return { name, mediaType: known ?? "application/octet-stream" };
}

/** The newest picture of the conversation whose message calls it so. */
async function pictureCalled(context: Context, name: string): Promise<MadeFile> {
  const { root } = addressParts(context.self);
  const range = { from: messageKey(0), to: messageKey(MESSAGES_END) };
  const rows = await context.records(ownerOf(context.self, "conversation"), {
    ...{ ...range, limit: MESSAGES_LOOKED, reverse: true },
  });
  for (const { value } of rows) {
    const { content, images = [] } = value as MessageRecord;
    const names = [...content.matchAll(/^\[picture "([^"\n]*)"/gm)].map(([, one]) => one);
    const picture = images[names.indexOf(name)];
    if (picture === undefined) continue;
    const row = await context.row(picturesTable, pictureRow(root, picture.id));
    if (row === undefined) break;
    const { media_type: mediaType, bytes } = row as StoredPicture;
    return { name: called(name).name, mediaType, content: new Uint8Array(bytes) };
  }
  const text = `No picture called "${name.slice(0, 100)}" was sent in this conversation.`;
  throw new RuntimeError("NOT_FOUND", text);
}

function listOf(attachments: unknown): readonly Attachment[] {
  const given = attachments ?? [];
  if (!Array.isArray(given) || given.length > FILES_MAX) {
    const text = `attachments is a list of at most ${FILES_MAX} files.`;
    throw new RuntimeError("INVALID", text, { pointer: "/attachments" });
  }
  for (const [at, one] of (given as readonly unknown[]).entries()) {
    const isOne =
      typeof one === "object" &&
      one !== null &&
      ("path" in one || "picture" in one || ("name" in one && "content" in one));
    if (isOne) continue;
    const text = "A file has a name and a content, or the name of a picture, or a path.";
    throw new RuntimeError("INVALID", text, { pointer: `/attachments/${at}` });
  }
  return given as readonly Attachment[];
}

async function placed<T>(at: number, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw placedError(error, at);
  }
}

function placedError(error: unknown, at: number): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const { code, message, details } = error;
  const pointer = `/attachments/${at}${String(details?.["pointer"] ?? "")}`;
  return new RuntimeError(code, message, { ...details, pointer }, { cause: error });
}

function tooLarge(pointer: string): RuntimeError {
  const text = `The files of a mail have at most ${limits.sentMailFilesBytes} bytes together.`;
  return new RuntimeError("INVALID", text, { pointer });
}
