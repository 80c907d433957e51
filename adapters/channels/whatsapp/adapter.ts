// WhatsApp, by Meta's Cloud API: messages come as signed webhooks, answers go out over the Graph API.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Part } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import type { Capabilities, ChannelEnvironment, ChannelRequest, Handled } from "../adapter.ts";
import { refusal } from "../answer.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { shortened } from "../format/button-rows.ts";
import { type Graph, graphOf, postJson } from "./graph.ts";
import { addressIn, type Line } from "./identity.ts";
import { whatsappLimits } from "./limits.ts";
import { fetchMedia } from "./media.ts";
import { notificationIn } from "./notification.ts";
import { probeAccount } from "./probe.ts";
import { type Body, partsOf } from "./render.ts";
import { sendPart } from "./send.ts";
import {
  appSecrets,
  type WhatsAppSettings,
  whatsappSecrets,
  whatsappSettings,
} from "./settings.ts";
import { handshake, isFromMeta } from "./verify.ts";

const capabilities: Capabilities = {
  textMax: whatsappLimits.text,
  textUnit: "utf16",
  edit: false,
  buttons: true,
  typingMs: whatsappLimits.typingMs,
  fileBytesMax: whatsappLimits.documentBytes,
  dedupeHours: whatsappLimits.dedupeHours,
  deliverWithinMs: 6 * 3_600_000,
  accountRate: { calls: 80, perMs: 1_000, burst: 80 },
  // One in 6 s to one person; 45 may be borrowed, which are paid back by waiting.
  conversationRate: { calls: 1, perMs: 6_000, burst: 45 },
};

/** The adapter. */
export const whatsapp = defineChannel({
  kind: "whatsapp",
  settings: whatsappSettings,
  secrets: whatsappSecrets,
  capabilities,
  create: open,
});

function open(settings: WhatsAppSettings, environment: ChannelEnvironment): DefinedInstance {
  refuseWithout(settings);
  const graph = graphOf(settings, environment);
  const rules = { chooseText: settings.choose_text ?? "Please choose:" };
  const handle = receiver(graph);
  return {
    routes: [
      { method: "GET", path: "", bodyMax: 0, handle: (request) => answered(request, settings) },
      { method: "POST", path: "", bodyMax: whatsappLimits.webhookBytes, handle },
    ],
    render: (outgoing) => partsOf(outgoing, rules, false),
    renderPlain: (outgoing) => partsOf(outgoing, rules, true),
    send: (part, address, options) => sendPart(graph, part, address, options),
    typing: (address, signal) => typing(graph, address, signal),
    fetchFile: (file, bytesMax, signal) => fetchMedia(graph, file, bytesMax, signal),
    template: (address) => templatePart(settings, address),
    probe: (signal) => probeAccount(graph, signal),
  };
}

// Without them anybody could speak in anybody's name.
function refuseWithout(settings: WhatsAppSettings): void {
  const missing = whatsappSecrets.find((name) => (settings[name] ?? "").trim() === "");
  const without = missing ?? (appSecrets(settings).length === 0 ? "app_secret" : undefined);
  if (without === undefined) return;
  throw new RuntimeError("INVALID", `A WhatsApp account needs the secret ${without}.`, {
    pointer: `/secrets/${without}`,
  });
}

function answered(request: ChannelRequest, settings: WhatsAppSettings): Handled {
  const answer = handshake(request, settings.verify_token);
  return answer.status === 200 ? { events: [], ack: answer } : { refused: answer };
}

function receiver(graph: Graph): (request: ChannelRequest) => Handled {
  const { settings, environment } = graph;
  const secrets = appSecrets(settings);
  const lines = linesOf(settings);
  const told = new Set<string>();
  return (request) => {
    if (!isFromMeta(request.body, request.headers["x-hub-signature-256"], secrets)) {
      return refusal(401, "The signature is missing or wrong.");
    }
    const notification = understood(request.body, lines);
    if ("refused" in notification) return notification;
    const { events, parked, foreign } = notification;
    for (const number of foreign) {
      if (told.has(number) || told.size >= channelLimits.aliases) continue;
      told.add(number);
      environment.log.write("warn", "WhatsApp told of a number that no channel answers here.", {
        account: environment.account,
        number,
      });
    }
    return { events, ack: { status: 200, body: "" }, ...(parked.length > 0 && { parked }) };
  };
}

function understood(body: Uint8Array, lines: ReadonlyMap<string, Line>) {
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (error) {
    const why = error instanceof RuntimeError ? error.message : "The body is not valid JSON.";
    return refusal(400, why);
  }
  const notification = notificationIn(parsed, lines);
  return notification ?? refusal(400, "The body is no webhook of WhatsApp.");
}

function linesOf(settings: WhatsAppSettings): Map<string, Line> {
  const main = settings.phone_number_id;
  const all = [...(settings.more_phone_number_ids ?? []), main];
  return new Map(all.map((id) => [id, { phoneNumberId: id, isMain: id === main }]));
}

// WhatsApp's sign goes with the mark that a message was read: it needs the message.
async function typing(graph: Graph, data: ChannelData, signal: AbortSignal): Promise<void> {
  const address = addressIn(data);
  if (address === null || address.message === null) return;
  const body = {
    messaging_product: "whatsapp",
    status: "read",
    message_id: address.message,
    typing_indicator: { type: "text" },
  };
  await postJson(graph, `${address.from}/messages`, body, signal);
}

// A template's value may have no line breaks, tabs or many spaces (WhatsApp error 132018).
function templatePart({ template }: WhatsAppSettings, data: ChannelData): Part | null {
  if (template === undefined) return null;
  const name = addressIn(data)?.name ?? "";
  const parameters = (template.parameters ?? []).map((value) => {
    const text = value.replaceAll("{name}", name).replaceAll(/\s+/g, " ").trim();
    return shortened(text === "" ? "-" : text, whatsappLimits.parameter);
  });
  const body: Body = { kind: "template", parameters };
  const values = parameters.length === 0 ? "" : `: ${parameters.join(", ")}`;
  return { body: { ...body }, plain: `[Template ${template.name}${values}]` };
}
