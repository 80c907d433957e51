// Files of visitors: only where the chat takes them, within its limits, and each visitor's own.

import { expect, test } from "vitest";
import type { FileRef } from "../../../../actors/channels/inbound.ts";
import { filesIn } from "../../../../adapters/channels/files-in.ts";
import { webChatLimits } from "../../../../adapters/channels/web-chat/limits.ts";
import {
  type ChatAccount,
  eventOf,
  never,
  openChat,
  postJson,
  ticketOf,
} from "../../../support/channels/web-chat-account.ts";

const { pieceBytes } = webChatLimits;
const opened = () => openChat({ visitor_file_bytes: 2 * pieceBytes });

/** Sends a file's pieces; their numbers. */
async function sent(account: ChatAccount, token: string, bytes: Buffer, file = "f1") {
  const pieces: number[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const data = bytes.subarray(at, at + pieceBytes).toString("base64");
    const piece = { token, file, index: pieces.length, bytes: bytes.length, data };
    const { status, seq } = await postJson(account, "/upload", piece);
    if (status !== 200) throw new Error(`Refused: ${status}`);
    pieces.push(Number(seq));
  }
  return pieces;
}

async function fileOf(account: ChatAccount, token: string, file: object): Promise<FileRef> {
  const event = await eventOf(account, { token, id: "m1", file });
  const [found] = event.kind === "message" ? (event.files ?? []) : [];
  if (found === undefined) throw new Error("There is no file.");
  return found;
}

test("a file comes in pieces, whichever is sent twice, and the agent is given it", async () => {
  const account = opened();
  const token = await ticketOf(account);
  const bytes = Buffer.from("Öl ".repeat(200_000));
  const about = { id: "f1", name: "prices.txt", media_type: "text/plain", bytes: bytes.length };
  const first = await sent(account, token, bytes);
  const pieces = await sent(account, token, bytes);

  const file = await fileOf(account, token, { ...about, pieces });
  const fetched = await account.instance.fetchFile?.(file, 10_000_000, never);
  const { entries } = await postJson(account, "/events", { token, after: 0 });

  expect(pieces).toEqual(first);
  expect(Buffer.from(fetched ?? []).equals(bytes)).toBe(true);
  expect(entries).toMatchObject([{ from: "visitor", text: "📎 prices.txt" }]);
  const parser = { parse: async () => ({ text: "prices" }) };
  const of = { tenant: "tn_1", instance: account.instance, hide: (text: string) => text };
  const read = await filesIn(of, [file], parser as never, never);
  expect(read.text).toContain('Attached file "prices.txt"');
});

test("what is too large, of a kind nobody reads, broken, or not wanted is refused by name", async () => {
  const account = opened();
  const token = await ticketOf(account);
  const data = Buffer.from("abc").toString("base64");
  const piece = { token, file: "f1", index: 0, bytes: 3, data };
  const about = { id: "f1", name: "a", media_type: "text/plain", bytes: 3, pieces: [1] };
  const closed = openChat();
  const visitor = await ticketOf(closed);
  const posts: readonly [number, RegExp, ChatAccount, string, object][] = [
    [
      413,
      /1048577 bytes; the limit is 1048576/,
      account,
      "/upload",
      { ...piece, bytes: 1_048_577 },
    ],
    [400, /Piece 0 of a file of 4 bytes has 4 bytes/, account, "/upload", { ...piece, bytes: 4 }],
    [400, /Piece 1 .* has 0 bytes/, account, "/upload", { ...piece, index: 1 }],
    [400, /base64/, account, "/upload", { ...piece, data: "!!!!" }],
    [403, /takes no files/, closed, "/upload", { ...piece, token: visitor }],
    [400, /reads no video/, account, "/messages", { file: { ...about, media_type: "video/mp4" } }],
    [400, /has 1 pieces/, account, "/messages", { file: { ...about, pieces: [1, 2] } }],
    [403, /takes no files/, closed, "/messages", { token: visitor, file: about }],
  ];

  for (const [status, why, chat, path, body] of posts) {
    const id = path === "/messages" ? { id: "m1", token } : {};
    const answer = await postJson(chat, path, { ...id, ...body });
    expect([answer.status, answer["detail"]]).toEqual([status, expect.stringMatching(why)]);
  }
  const session = async (chat: ChatAccount) => (await postJson(chat, "/session", {}))["files"];
  expect(await session(closed)).toBeNull();
  expect(await session(account)).toEqual({
    ...{ bytes_max: 1_048_576, piece_bytes: pieceBytes, refused: ["audio", "video", "font"] },
  });
});

test("another visitor's pieces, and those that are not there, are no file", async () => {
  const account = opened();
  const [token, other] = [await ticketOf(account), await ticketOf(account)];
  const bytes = Buffer.from("mine");
  const pieces = await sent(account, token, bytes);
  const about = { id: "f1", name: "a", media_type: "text/plain", bytes: 4, pieces };

  const stolen = await fileOf(account, other, about);
  const wrong = await fileOf(account, token, { ...about, id: "f2" });

  for (const file of [stolen, wrong])
    await expect(account.instance.fetchFile?.(file, 100, never)).rejects.toMatchObject({
      code: "URL_FAILED",
    });
});

test("pieces have a rate of their own", async () => {
  const account = opened();
  const token = await ticketOf(account);
  const data = Buffer.from("abc").toString("base64");
  const upload = () =>
    postJson(account, "/upload", { token, file: "f1", index: 0, bytes: 3, data });

  const statuses: number[] = [];
  for (let n = 0; n <= webChatLimits.visitorPieces; n += 1) statuses.push((await upload()).status);

  expect(statuses.filter((status) => status === 200)).toHaveLength(webChatLimits.visitorPieces);
  expect(statuses.at(-1)).toBe(429);
});
