// What people do at Discord besides writing: application commands and presses of our buttons. The same over
// HTTP and by the Gateway; Discord tells neither a second time.

import type { FileRef, Inbound, Sender } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { personSender } from "../person-sender.ts";
import { type Fields, fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { fileOf } from "./incoming-files.ts";
import { addressData, idIn, isToken, timeOf } from "./place.ts";

/** Types of interactions. */
const PING = 1;
const COMMAND = 2;
const COMPONENT = 3;
const AUTOCOMPLETE = 4;
/** Types of answers to them. */
const PONG = 1;
const MESSAGE = 4;
const AWAITED_MESSAGE = 5;
const AWAITED_UPDATE = 6;
const CHOICES = 8;
/** Types of commands: of a message's menu, of a person's; of options: a command below one, a file. */
const MESSAGE_MENU = 3;
const SUBCOMMANDS: readonly unknown[] = [1, 2];
const FILE_OPTION = 11;
/** Shown to one person. */
const EPHEMERAL = 64;
/** A button. */
const BUTTON = 2;
/** A direct conversation with the bot. */
const BOT_DIRECT = 1;

/** Commands of the server's own; others are a message to the agent. */
const known = new Set(["new", "stop", "agent", "status", "help", "approve", "reject"]);
/** Buttons of ours: others are not answered. */
export const ACTION_PREFIX = "troupe:";
/** Options within options, and of one command: Discord has 3 and 25. */
const DEPTH_MAX = 3;
const OPTIONS_MAX = 25;

/** An interaction: what came in, and what is answered at once. */
export interface ReadInteraction {
  readonly event: Inbound | null;
  readonly ack: object;
  readonly nack?: object;
}

/** Reads an interaction; null when it lacks what every one has. @param nackText for people. */
export function readInteraction(
  interaction: Fields,
  nackText: string,
  nowMs: number,
): ReadInteraction | null {
  const type = memberOf(interaction, "type");
  if (type === PING) return { event: null, ack: { type: PONG } };
  if (type === AUTOCOMPLETE) return { event: null, ack: { type: CHOICES, data: { choices: [] } } };
  const isAwaited = type === COMMAND;
  const base = baseOf(interaction, isAwaited, nowMs);
  if (base === null) return null;
  const nack = shownToOne(nackText);
  if (type === COMMAND) {
    return { event: commandOf(interaction, base), ack: { type: AWAITED_MESSAGE }, nack };
  }
  if (type === COMPONENT) {
    const event = actionOf(interaction, base);
    return { event, ack: { type: AWAITED_UPDATE }, ...(event !== null && { nack }) };
  }
  return { event: null, ack: shownToOne("Nothing answers that here.") };
}

/** An answer that nobody else sees. */
export function shownToOne(content: string): object {
  const data = { content, flags: EPHEMERAL, allowed_mentions: { parse: [] } };
  return { type: MESSAGE, data };
}

type Base = Pick<Inbound, "dedupe" | "place" | "address" | "sender" | "atMs"> & {
  readonly id: string;
};

function baseOf(interaction: Fields, isAwaited: boolean, nowMs: number): Base | null {
  const id = idIn(interaction, "id");
  const application = idIn(interaction, "application_id");
  const channel = idIn(interaction, "channel_id") ?? idIn(memberOf(interaction, "channel"), "id");
  const token = textIn(interaction, "token", 1_001);
  const sender = senderOf(interaction);
  if (id === null || application === null || channel === null || sender === null) return null;
  if (token === null || !isToken(token)) return null;
  const context = memberOf(interaction, "context");
  const isDirect =
    typeof context === "number" ? context === BOT_DIRECT : idIn(interaction, "guild_id") === null;
  return {
    id,
    dedupe: [`discord:interaction/${id}`],
    place: { conversation: channel, user: sender.id, isDirect },
    address: addressData({
      ...{ channel, after: id },
      interaction: { application, token, atMs: nowMs, isAwaited },
    }),
    sender,
    atMs: timeOf(id),
  };
}

function senderOf(interaction: Fields): Sender | null {
  const member = memberOf(interaction, "member");
  const user = memberOf(member, "user") ?? memberOf(interaction, "user");
  const id = idIn(user, "id");
  if (id === null) return null;
  const name = textIn(member, "nick", 200) ?? textIn(user, "global_name", 200);
  const shown = name ?? textIn(user, "username", 200);
  return personSender(id, shown);
}

function commandOf(interaction: Fields, { id, ...base }: Base): Inbound {
  const data = fieldsOf(memberOf(interaction, "data")) ?? {};
  const { name, options } = innermost(data);
  const said = textOf(data, options);
  if (known.has(name)) return { ...base, kind: "command", name, text: said };
  const files = filesOf(data, options);
  return {
    ...base,
    ...{ kind: "message", message: id, text: said, isMention: true },
    ...(files.length > 0 && { files }),
  };
}

/** The command that was meant: `/troupe status` is `status`, where that is a command of ours. */
function innermost(data: Fields): { readonly name: string; readonly options: readonly Fields[] } {
  let at: Fields = data;
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const below = optionsOf(at).find((one) => SUBCOMMANDS.includes(memberOf(one, "type")));
    if (below === undefined) break;
    at = below;
  }
  return { name: (textIn(at, "name", 64) ?? "").toLowerCase(), options: optionsOf(at) };
}

function optionsOf(of: Fields): Fields[] {
  return listIn(of, "options")
    .slice(0, OPTIONS_MAX)
    .map(fieldsOf)
    .filter((one) => one !== null);
}

/** What was typed, or the text of the message whose menu was used. */
function textOf(data: Fields, options: readonly Fields[]): string {
  if (memberOf(data, "type") === MESSAGE_MENU) {
    const target = idIn(data, "target_id") ?? "";
    const messages = memberOf(memberOf(data, "resolved"), "messages");
    return textIn(memberOf(messages, target), "content", channelLimits.textChars) ?? "";
  }
  const values = options
    .filter((one) => memberOf(one, "type") !== FILE_OPTION)
    .map((one) => memberOf(one, "value"))
    .filter((value) => ["string", "number", "boolean"].includes(typeof value));
  return values.join(" ").trim().slice(0, channelLimits.textChars);
}

function filesOf(data: Fields, options: readonly Fields[]): FileRef[] {
  const attachments = memberOf(memberOf(data, "resolved"), "attachments");
  return options
    .filter((one) => memberOf(one, "type") === FILE_OPTION)
    .flatMap((one) => fileOf(memberOf(attachments, textIn(one, "value", 40) ?? "")) ?? []);
}

function actionOf(interaction: Fields, { id: _, ...base }: Base): Inbound | null {
  const data = memberOf(interaction, "data");
  const action = textIn(data, "custom_id", 200) ?? "";
  if (memberOf(data, "component_type") !== BUTTON || !action.startsWith(ACTION_PREFIX)) return null;
  const message = idIn(memberOf(interaction, "message"), "id");
  return {
    ...base,
    ...{ kind: "action", action: action.slice(ACTION_PREFIX.length) },
    ...(message !== null && { message }),
  };
}
