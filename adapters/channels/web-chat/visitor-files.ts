// Files of visitors. They come in pieces, each a request of its own: that shows how far it is, what was lost is
// sent again by itself, and no body is large. Pieces lie in a mailbox beside the conversation's, within its
// bounds (the oldest go), until the agent is asked and reads them.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Mailbox } from "../mailbox.ts";
import { textIn } from "../sent-json.ts";
import { unreadMedia } from "../unread-media.ts";
import { webChatLimits } from "./limits.ts";

/** A piece, as it was posted. */
export interface FilePiece {
  /** The client's name for the file. */
  readonly file: string;
  readonly index: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** Base64. */
  readonly data: string;
}

/** A file whose pieces are there. */
export interface SentFile {
  readonly id: string;
  readonly name: string;
  readonly media_type: string;
  readonly bytes: number;
  /** Numbers of its pieces, in order. */
  readonly pieces: readonly number[];
}

const MEDIA_TYPE = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/;
const UNKNOWN_TYPE = "application/octet-stream";

/** What the widget is told of it; null: the chat takes none. */
export function filesRules(bytesMax: number): object | null {
  if (bytesMax === 0) return null;
  const { pieceBytes } = webChatLimits;
  return { bytes_max: bytesMax, piece_bytes: pieceBytes, refused: unreadMedia };
}

/** Keeps a piece. @returns its number. @throws RuntimeError FORBIDDEN, BODY_TOO_LARGE, INVALID. */
export async function keepPiece(
  mailbox: Mailbox,
  box: string,
  { file, index, bytes, data }: FilePiece,
  bytesMax: number,
): Promise<number> {
  checkSize(bytes, bytesMax);
  const { pieceBytes } = webChatLimits;
  const due = Math.min(pieceBytes, bytes - index * pieceBytes);
  const piece = Buffer.from(data, "base64");
  if (due <= 0 || piece.length !== due || piece.toString("base64") !== data) {
    const message = `Piece ${index} of a file of ${bytes} bytes has ${Math.max(0, due)} bytes, as base64.`;
    throw new RuntimeError("INVALID", message, { pointer: "/data" });
  }
  return await mailbox.append(filesBox(box), pieceKey(file, index), { data });
}

/** What the agent is told of a file. @throws RuntimeError FORBIDDEN, BODY_TOO_LARGE, INVALID. */
export function fileRefOf(box: string, file: SentFile, bytesMax: number): FileRef {
  const { id, name, bytes, pieces } = file;
  checkSize(bytes, bytesMax);
  const due = Math.ceil(bytes / webChatLimits.pieceBytes);
  if (pieces.length !== due) {
    const message = `A file of ${bytes} bytes has ${due} pieces.`;
    throw new RuntimeError("INVALID", message, { pointer: "/file/pieces" });
  }
  const mediaType = MEDIA_TYPE.test(file.media_type) ? file.media_type : UNKNOWN_TYPE;
  const [kind = ""] = mediaType.toLowerCase().split("/", 1);
  if (unreadMedia.includes(kind)) {
    const message = `The agent reads no ${kind}: files of ${mediaType} are not taken.`;
    throw new RuntimeError("INVALID", message, { pointer: "/file/media_type" });
  }
  return { id, name, mediaType, bytes, at: { box: filesBox(box), file: id, pieces } };
}

/** The bytes of a file. @throws RuntimeError URL_FAILED where they are not kept any more. */
export async function fetchVisitorFile(
  mailbox: Mailbox,
  { at, bytes }: FileRef,
  bytesMax: number,
): Promise<Uint8Array> {
  if (bytes === null || bytes > bytesMax) {
    throw new RuntimeError("URL_FAILED", `The file has more than ${bytesMax} bytes.`);
  }
  const { box, file, pieces } = at as { box: string; file: string; pieces: readonly number[] };
  const found: Buffer[] = [];
  for (const [index, seq] of pieces.entries()) {
    const { entries } = await mailbox.read(box, seq - 1, 1);
    const [entry] = entries;
    const data = entry?.key === pieceKey(file, index) ? textIn(entry.body, "data", DATA_MAX) : null;
    if (data === null) {
      throw new RuntimeError("URL_FAILED", "The file did not come whole, or is not kept any more.");
    }
    found.push(Buffer.from(data, "base64"));
  }
  return Buffer.concat(found);
}

/** Characters of a piece. */
export const DATA_MAX = 4 * Math.ceil(webChatLimits.pieceBytes / 3);

function checkSize(bytes: number, bytesMax: number): void {
  if (bytesMax === 0) throw new RuntimeError("FORBIDDEN", "This chat takes no files.");
  if (bytes <= bytesMax) return;
  const message = `The file has ${bytes} bytes; the limit is ${bytesMax}.`;
  throw new RuntimeError("BODY_TOO_LARGE", message, { pointer: "/bytes" });
}

/** Names of conversations have no slash: none is another's. */
function filesBox(box: string): string {
  return `${box}/files`;
}

function pieceKey(file: string, index: number): string {
  return `${file}:${index}`;
}
