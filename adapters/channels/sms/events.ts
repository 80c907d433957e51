// What Twilio tells, as events: messages, and what became of ours.

import type { FileRef, Inbound, StatusEvent } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { personSender } from "../person-sender.ts";
import { classOfCode } from "./errors.ts";
import { smsLimits } from "./settings.ts";

const SID = /^[A-Z]{2}[0-9a-fA-F]{32}$/;
const STATES: Readonly<Record<string, StatusEvent["state"]>> = {
  sent: "sent",
  delivered: "delivered",
  read: "read",
  failed: "failed",
  undelivered: "failed",
};

/** A message that came in. Null: it names no message or nobody. */
export function messageIn(form: URLSearchParams, number: string, atMs: number): Inbound | null {
  const [sid, from, to] = ["MessageSid", "From", "To"].map((name) => form.get(name) ?? "");
  if (sid === undefined || !SID.test(sid) || !from || !to || from.length > 100) return null;
  const files = filesOf(form, sid);
  return {
    kind: "message",
    message: sid,
    text: (form.get("Body") ?? "").slice(0, channelLimits.textChars),
    ...(files.length > 0 && { files }),
    dedupe: [`m:${sid}`],
    ...whereOf(from, to, number),
    sender: {
      ...personSender(from),
      // STOP, START and HELP are answered by Twilio itself, which says so here.
      isAutomatic: form.get("OptOutType") !== null,
    },
    atMs,
  };
}

function filesOf(form: URLSearchParams, sid: string): FileRef[] {
  const count = Math.min(Number(form.get("NumMedia") ?? 0) || 0, smsLimits.files);
  const files: FileRef[] = [];
  for (let at = 0; at < count; at += 1) {
    const url = form.get(`MediaUrl${at}`);
    if (url === null || url.length > 1_000) continue;
    const mediaType = (form.get(`MediaContentType${at}`) ?? "application/octet-stream").slice(
      0,
      200,
    );
    const extension =
      mediaType
        .split("/")[1]
        ?.replaceAll(/[^a-z0-9]/g, "")
        .slice(0, 10) ?? "bin";
    const name = `file-${at + 1}.${extension}`;
    files.push({ id: `${sid}/${at}`, name, mediaType, bytes: null, at: { url } });
  }
  return files;
}

/** What became of a message of ours; undefined for what changes nothing, null for what makes no sense. */
export function statusIn(
  form: URLSearchParams,
  of: { readonly number: string; readonly atMs: number; readonly key: string | null },
): Inbound | null | undefined {
  const sid = form.get("MessageSid") ?? "";
  const [from, to] = [form.get("From") ?? "", form.get("To") ?? ""];
  if (!SID.test(sid) || to === "" || to.length > 100) return null;
  const state = STATES[form.get("MessageStatus") ?? ""];
  if (state === undefined) return undefined;
  const code = Number(form.get("ErrorCode") ?? 0);
  const isGone = classOfCode(code) === "gone";
  return {
    kind: "status",
    receipt: sid,
    state,
    ...(state === "failed" && {
      reason: code > 0 ? `Twilio error ${code}` : "Twilio does not say why.",
      ...(isGone && { failure: "gone" as const }),
    }),
    ...(of.key !== null && of.key !== "" && { key: of.key.slice(0, 120) }),
    dedupe: [`s:${sid}:${state}`],
    ...whereOf(to, from === "" ? of.number : from, of.number),
    sender: { ...personSender(to), isAutomatic: true },
    atMs: of.atMs,
  };
}

/** Where a number is written to that has not written; null: it is none. */
export function firstTo(number: string) {
  if (!/^(whatsapp:)?\+[1-9]\d{6,14}$/.test(number)) return null;
  return { conversation: number, address: { to: number } };
}

// Each number of ours is another conversation with the same person.
function whereOf(person: string, ours: string, number: string) {
  const conversation = ours === number ? person : `${ours.slice(0, 100)}/${person}`;
  return { place: { conversation, isDirect: true }, address: { to: person, from: ours } };
}
