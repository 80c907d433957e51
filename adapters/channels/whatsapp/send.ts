// Sends a part: one call of /messages, and before it the upload of a file. What WhatsApp answers is a
// result, never an exception; what it says later comes as a status.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { OutgoingFile, Part, SendResult } from "../../../actors/channels/outgoing.ts";
import type { PlatformAnswer, SendOptions } from "../adapter.ts";
import { type Failed, jsonIn } from "../platform-answer.ts";
import { textIn } from "../sent-json.ts";
import { failureOf, receiptIn } from "./errors.ts";
import { kindOf } from "./file-kinds.ts";
import { callGraph, type Graph, postJson } from "./graph.ts";
import { addressIn, recipientOf, type WhatsAppAddress } from "./identity.ts";
import type { Body } from "./render.ts";

/** Sends a part to an address. */
export async function sendPart(
  graph: Graph,
  part: Part,
  data: ChannelData,
  options: SendOptions,
): Promise<SendResult> {
  // Parts are rendered here and stored by the server: they come back as they were.
  const body = part.body as unknown as Body;
  const address = addressIn(data);
  const recipient = address === null ? null : recipientOf(address);
  if (address === null || recipient === null) {
    return { ok: false, class: "gone", reason: "The address names nobody at WhatsApp." };
  }
  if (isTooLate(body, address, graph.environment.nowMs())) {
    const reason = "Their last message is too long ago: WhatsApp takes nothing but a template.";
    return { ok: false, class: "window", reason };
  }
  const content = await contentOf(graph, body, address, options);
  if (isFailed(content)) return content;
  const answers = body.kind === "template" ? undefined : body.answers;
  const message = {
    messaging_product: "whatsapp",
    ...recipient,
    ...(answers !== undefined && { context: { message_id: answers } }),
    ...content,
    // Comes back with each status of this message.
    biz_opaque_callback_data: options.key,
  };
  const answer = await postJson(graph, `${address.from}/messages`, message, options.signal);
  const id = receiptIn(answer);
  return id === null ? failed(graph, answer, options) : { ok: true, receipt: { id } };
}

// WhatsApp itself says this only after it has taken the message, with a status that it failed.
function isTooLate(body: Body, address: WhatsAppAddress, nowMs: number): boolean {
  if (body.kind === "template" || address.windowUntilMs === null) return false;
  return nowMs > address.windowUntilMs;
}

type Content = Readonly<Record<string, unknown>>;

function isFailed(content: Content | Failed): content is Failed {
  return content["ok"] === false;
}

async function contentOf(
  graph: Graph,
  body: Body,
  address: WhatsAppAddress,
  options: SendOptions,
): Promise<Content | Failed> {
  switch (body.kind) {
    case "text":
      if (body.text === "") return unsendable("There is nothing to say in it.");
      return {
        type: "text",
        text: { body: body.text, preview_url: graph.settings.preview_url ?? false },
      };
    case "interactive":
      return { type: "interactive", interactive: body.interactive };
    case "template":
      return templateOf(graph, body.parameters);
    case "file":
      return await uploaded(graph, body.file, address, options);
  }
}

function templateOf(graph: Graph, parameters: readonly string[]): Content | Failed {
  const { template } = graph.settings;
  if (template === undefined) return unsendable("The account has no template any more.");
  const values = parameters.map((text) => ({ type: "text", text }));
  return {
    type: "template",
    template: {
      name: template.name,
      language: { code: template.language },
      ...(values.length > 0 && { components: [{ type: "body", parameters: values }] }),
    },
  };
}

// Uploaded anew at each attempt: nothing is seen of it until a message names it.
async function uploaded(
  graph: Graph,
  file: OutgoingFile,
  address: WhatsAppAddress,
  options: SendOptions,
): Promise<Content | Failed> {
  const kind = kindOf(file);
  if (kind === null)
    return unsendable(`WhatsApp takes no ${file.mediaType} of ${file.bytes} bytes.`);
  let bytes: Uint8Array;
  try {
    bytes = await graph.environment.readFile(file);
  } catch {
    return unsendable(`The file ${file.name.slice(0, 200)} is not there any more.`);
  }
  const form = new FormData();
  form.set("messaging_product", "whatsapp");
  form.set("type", kind.mediaType);
  form.set("file", new Blob([Uint8Array.from(bytes)], { type: kind.mediaType }), file.name);
  const encoded = new Response(form);
  const answer = await callGraph(graph, `${address.from}/media`, {
    method: "POST",
    headers: { "content-type": encoded.headers.get("content-type") ?? "multipart/form-data" },
    body: new Uint8Array(await encoded.arrayBuffer()),
    signal: options.signal,
  });
  const id = answer.reached && answer.status < 300 ? textIn(jsonIn(answer.body), "id", 200) : null;
  if (id === null) return notUploaded(failed(graph, answer, options));
  const named = kind.as === "document" ? { id, filename: file.name } : { id };
  return { type: kind.as, [kind.as]: named };
}

// An upload whose answer was lost has sent nothing: it is done again.
function notUploaded(result: Failed): Failed {
  return result.class === "unknown" ? { ...result, class: "retry" } : result;
}

function failed(graph: Graph, answer: PlatformAnswer, { attempt }: SendOptions): Failed {
  const { environment, secrets } = graph;
  return failureOf(answer, { attempt, nowMs: environment.nowMs(), secrets });
}

function unsendable(reason: string): Failed {
  return { ok: false, class: "format", reason };
}
