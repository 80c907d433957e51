// Sends and edits messages. Telegram has no key by which a send is known again: what was lost is unknown.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { OutgoingFile, Part, Receipt, SendResult } from "../../../actors/channels/outgoing.ts";
import type { SendOptions } from "../adapter.ts";
import type { Failed } from "../platform-answer.ts";
import { type Api, type Called, callMethod } from "./api.ts";
import { messageName, numberOf } from "./events.ts";
import { telegramLimits } from "./limits.ts";
import { addressIn, numberIn, type TelegramAddress } from "./place.ts";
import type { Body } from "./render.ts";

/** Sends a part. */
export async function sendPart(
  api: Api,
  part: Part,
  data: ChannelData,
  options: SendOptions,
): Promise<SendResult> {
  const body = part.body as unknown as Body;
  const address = addressIn(data);
  if (address === null) return failedAs("gone", "The address names no chat of Telegram.");
  const called = await sendTo(api, body, address, options);
  if ("class" in called) return called;
  if (called.ok || called.movedTo === null) return receiptOf(called, address);
  // The group has become another: refused before anything was said, so it is said there.
  const moved = { ...address, chat: called.movedTo };
  const again = await sendTo(api, body, moved, options);
  return "class" in again ? again : receiptOf(again, moved);
}

/** Changes a message. Where it says the same already, that is done. */
export async function editPart(
  api: Api,
  receipt: Receipt,
  part: Part,
  options: SendOptions,
): Promise<SendResult> {
  const body = part.body as unknown as Body;
  const number = numberOf(receipt.id);
  if (number === null || body.kind !== "text") {
    return failedAs("format", "Only the text of a message of Telegram can be changed.");
  }
  const called = await callMethod(
    api,
    "editMessageText",
    {
      chat_id: Number(receipt.id.split("/", 1)[0]),
      message_id: number,
      ...textOf(api, body),
      reply_markup: { inline_keyboard: body.keyboard ?? [] },
    },
    options,
  );
  if (called.ok || called.description.includes("message is not modified")) {
    return { ok: true, receipt };
  }
  return called.failed;
}

async function sendTo(
  api: Api,
  body: Body,
  address: TelegramAddress,
  options: SendOptions,
): Promise<Called | Failed> {
  const common = { chat_id: address.chat, ...placed(address), ...answering(body.answers) };
  if (body.kind === "file") return await sendFile(api, body.file, common, options);
  if (body.text === "") return failedAs("format", "There is nothing to say in it.");
  const keyboard = body.keyboard && { reply_markup: { inline_keyboard: body.keyboard } };
  const message = { ...common, ...textOf(api, body), ...keyboard };
  return await callMethod(api, "sendMessage", message, options);
}

function textOf(api: Api, body: Extract<Body, { kind: "text" }>) {
  return {
    text: body.text,
    ...(body.isHtml && { parse_mode: "HTML" }),
    link_preview_options: { is_disabled: api.settings.link_previews !== true },
  };
}

function placed({ topic }: TelegramAddress): { message_thread_id?: number } {
  return topic === null ? {} : { message_thread_id: topic };
}

// What it answers may be gone meanwhile: it is said all the same.
function answering(answers: string | undefined): { reply_parameters?: object } {
  const number = answers === undefined ? null : numberOf(answers);
  if (number === null) return {};
  return { reply_parameters: { message_id: number, allow_sending_without_reply: true } };
}

async function sendFile(
  api: Api,
  file: OutgoingFile,
  common: Readonly<Record<string, unknown>>,
  options: SendOptions,
): Promise<Called | Failed> {
  let bytes: Uint8Array;
  try {
    bytes = await api.environment.readFile(file);
  } catch {
    return failedAs("format", `The file ${file.name.slice(0, 200)} is not there any more.`);
  }
  const kind = kindOf(file);
  const form = new FormData();
  for (const [name, value] of Object.entries(common)) {
    form.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  form.set(kind, new Blob([Uint8Array.from(bytes)], { type: file.mediaType }), file.name);
  const method = `send${kind[0]?.toUpperCase()}${kind.slice(1)}`;
  return await callMethod(api, method, form, options);
}

function kindOf({ mediaType, bytes }: OutgoingFile): "photo" | "audio" | "video" | "document" {
  if (["image/jpeg", "image/png"].includes(mediaType) && bytes <= telegramLimits.photoBytes) {
    return "photo";
  }
  if (["audio/mpeg", "audio/mp4"].includes(mediaType)) return "audio";
  return mediaType === "video/mp4" ? "video" : "document";
}

function receiptOf(called: Called, address: TelegramAddress): SendResult {
  if (!called.ok) return called.failed;
  const number = numberIn(called.result, "message_id");
  if (number === null) return failedAs("unknown", "Telegram named no message.");
  return { ok: true, receipt: { id: messageName(address.chat, number) } };
}

function failedAs(failure: Failed["class"], reason: string): Failed {
  return { ok: false, class: failure, reason };
}
