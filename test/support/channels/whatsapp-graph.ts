// The small answers of Meta's Graph API beside /messages: marks, uploads and downloads of media, what a
// check of an account asks for.

import { createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { errorBody, type GraphError, graphErrors } from "./whatsapp-checks.ts";

type Json = Record<string, unknown>;

/** What these answers know of the platform. */
export interface GraphState {
  readonly url: string;
  /** Messages that were marked as read, and how often with the sign of typing. */
  readonly read: Map<string, number>;
  /** Files that were uploaded, and those that people have sent. */
  readonly media: Map<string, { bytes: Buffer; mediaType: string; name: string }>;
  /** Where it says that media are. */
  mediaUrl: string | null;
  subscribedApp: string | null;
  /** @returns its id. */
  addMedia(bytes: Uint8Array, mediaType: string, name?: string): string;
}

/** Of whom it takes calls. */
export interface GraphOptions {
  readonly appSecret: string;
  readonly accessToken: string;
  readonly phoneNumberId: string;
  readonly appId?: string;
}

/** A call, before it is answered. */
export interface GraphCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** What is answered. */
export interface GraphAnswer {
  readonly status: number;
  readonly body: string | Buffer;
  readonly headers?: Record<string, string>;
}

/** Reads a whole request. */
export async function readWhole(request: IncomingMessage): Promise<GraphCall> {
  const url = new URL(request.url ?? "/", "http://graph");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = "GET", headers } = request;
  const body = Buffer.concat(chunks);
  return { method, path: url.pathname, query: url.searchParams, headers, body };
}

/** An answer of JSON. */
export function ok(body: unknown): GraphAnswer {
  return { status: 200, body: JSON.stringify(body) };
}

/** An error. */
export function refusal(error: GraphError): GraphAnswer {
  return { status: error.status, body: errorBody(error) };
}

/** Answers a call, messages by `takeMessage`. */
export async function answerCall(
  call: GraphCall,
  server: GraphState,
  options: GraphOptions,
  takeMessage: (from: string, message: Json) => GraphAnswer,
): Promise<GraphAnswer> {
  const [, version = "", first = "", second = ""] = call.path.split("/");
  if (version === "download") return download(call, server, options);
  if (first === "debug_token") return debugToken(call, options);
  if (call.headers.authorization !== `Bearer ${options.accessToken}`) {
    return refusal(graphErrors.token);
  }
  const proof = call.query.get("appsecret_proof");
  const right = createHmac("sha256", options.appSecret).update(options.accessToken).digest("hex");
  if (proof !== null && proof !== right) {
    const message = "Invalid appsecret_proof provided in the API argument";
    return refusal({ status: 400, code: 100, message });
  }
  if (call.method === "POST" && second === "messages") {
    const message = JSON.parse(call.body.toString("utf8"));
    return message.status === "read" ? markRead(server, message) : takeMessage(first, message);
  }
  if (call.method === "POST" && second === "media") return await upload(call, server);
  return read(first, second, server, options);
}

function read(id: string, edge: string, server: GraphState, options: GraphOptions): GraphAnswer {
  if (edge === "subscribed_apps") {
    const { subscribedApp } = server;
    return ok({
      data: subscribedApp === null ? [] : [{ whatsapp_business_api_data: { id: subscribedApp } }],
    });
  }
  if (id === options.phoneNumberId) {
    return ok({
      id,
      display_phone_number: "+1 555-078-3881",
      verified_name: "Lucky Shrub",
      quality_rating: "GREEN",
    });
  }
  const media = server.media.get(id);
  if (media !== undefined) {
    return ok({
      messaging_product: "whatsapp",
      url: server.mediaUrl ?? `${server.url}/download/${id}`,
      mime_type: media.mediaType,
      file_size: media.bytes.length,
      id,
    });
  }
  const message = `Unsupported get request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation.`;
  return refusal({ status: 400, code: 100, message });
}

function markRead(server: GraphState, message: Json): GraphAnswer {
  const id = String(message["message_id"]);
  const isTyping = message["typing_indicator"] !== undefined;
  server.read.set(id, (server.read.get(id) ?? 0) + (isTyping ? 1 : 0));
  return ok({ success: true });
}

async function upload(call: GraphCall, server: GraphState): Promise<GraphAnswer> {
  const form = await new Response(new Uint8Array(call.body), {
    headers: { "content-type": call.headers["content-type"] ?? "" },
  }).formData();
  const file = form.get("file");
  if (form.get("messaging_product") !== "whatsapp" || !(file instanceof File)) {
    return refusal({ status: 400, code: 100, message: "(#100) The parameter file is required." });
  }
  const bytes = Buffer.from(await file.arrayBuffer());
  return ok({ id: server.addMedia(bytes, String(form.get("type")), file.name) });
}

function download(call: GraphCall, server: GraphState, options: GraphOptions): GraphAnswer {
  if (call.headers.authorization !== `Bearer ${options.accessToken}`) {
    const headers = { "content-type": "text/html" };
    return { status: 401, body: "<html>Unauthorized</html>", headers };
  }
  const media = server.media.get(call.path.split("/")[2] ?? "");
  if (media === undefined) return { status: 404, body: "" };
  return { status: 200, body: media.bytes, headers: { "content-type": media.mediaType } };
}

function debugToken(call: GraphCall, options: GraphOptions): GraphAnswer {
  if (call.headers.authorization !== `Bearer ${options.appId}|${options.appSecret}`) {
    return refusal({ status: 400, code: 190, message: "Invalid OAuth access token signature." });
  }
  const isValid = call.query.get("input_token") === options.accessToken;
  const scopes = isValid ? ["whatsapp_business_messaging"] : [];
  return ok({ data: { app_id: options.appId, is_valid: isValid, expires_at: 0, scopes } });
}
