// What people do at Slack besides writing: slash commands and presses of our buttons. Slack sends neither a
// second time.

import type { ActionEvent, Inbound } from "../../../actors/channels/inbound.ts";
import { personSender } from "../person-sender.ts";
import { type Fields, listIn, textIn } from "../sent-json.ts";
import { idIn, objectIn, timeIn } from "./fields.ts";
import { messageId, placeOf } from "./place.ts";

/** Words that a command of the app's own may begin with: `/troupe status`. */
const known = new Set(["new", "stop", "agent", "status", "help", "approve", "reject"]);
/** Buttons of ours: others (links, somebody's blocks) are not answered. */
export const ACTION_PREFIX = "troupe_";
/** Presses of one request; Slack sends one. */
const ACTIONS_MAX = 10;
const TEXT_MAX = 20_000;

/** Reads a slash command; null when it lacks what every command has. */
export function readCommand(form: Fields, nowMs: number): Inbound | null {
  const [team, channel, user] = [
    idIn(form, "team_id"),
    idIn(form, "channel_id"),
    idIn(form, "user_id"),
  ];
  const command = /^\/(\S{1,64})$/.exec(textIn(form, "command", 80) ?? "")?.[1];
  const trigger = textIn(form, "trigger_id", 200);
  if (team === null || channel === null || user === null || !command || trigger === null)
    return null;
  const isDirect = textIn(form, "channel_name") === "directmessage";
  const text = (textIn(form, "text", TEXT_MAX) ?? "").trim();
  const [first = ""] = text.split(/\s/, 1);
  const isWord = !known.has(command.toLowerCase()) && known.has(first.toLowerCase());
  return {
    kind: "command",
    dedupe: [`slack:command/${trigger}`],
    ...placeOf({
      ...{ team, channel, user, time: null, thread: null },
      channelType: isDirect ? "im" : null,
    }),
    sender: personSender(user, textIn(form, "user_name", 200)),
    atMs: nowMs,
    name: (isWord ? first : command).toLowerCase(),
    text: isWord ? text.slice(first.length).trim() : text,
  };
}

/** Reads an interaction: presses of our buttons; empty for all else. */
export function readInteraction(payload: Fields, nowMs: number): Inbound[] {
  if (textIn(payload, "type") !== "block_actions") return [];
  return listIn(payload, "actions")
    .slice(0, ACTIONS_MAX)
    .flatMap((action) => readAction(payload, action, nowMs) ?? []);
}

function readAction(payload: Fields, action: unknown, nowMs: number): ActionEvent | null {
  const container = objectIn(payload, "container");
  const message = objectIn(payload, "message");
  const room = objectIn(payload, "channel");
  const team = idIn(objectIn(payload, "team"), "id") ?? idIn(objectIn(payload, "user"), "team_id");
  const channel = idIn(room, "id") ?? idIn(container, "channel_id");
  const user = idIn(objectIn(payload, "user"), "id");
  const id = textIn(action, "action_id", 255) ?? "";
  const value = textIn(action, "value", 2_000);
  const isOurs = textIn(action, "type") === "button" && id.startsWith(ACTION_PREFIX);
  if (team === null || channel === null || user === null || value === null || !isOurs) return null;
  const time = timeIn(message, "ts") ?? timeIn(container, "message_ts");
  const at = `${team}/${channel}/${time ?? "-"}/${user}`;
  return {
    kind: "action",
    dedupe: [`slack:action/${at}/${textIn(action, "action_ts", 40) ?? nowMs}`],
    ...placeOf({
      ...{ team, channel, user, time },
      channelType: textIn(room, "name") === "directmessage" ? "im" : null,
      thread: timeIn(message, "thread_ts") ?? timeIn(container, "thread_ts"),
    }),
    sender: personSender(user, textIn(objectIn(payload, "user"), "username", 200)),
    atMs: nowMs,
    action: value,
    ...(time !== null && { message: messageId(channel, time) }),
  };
}
