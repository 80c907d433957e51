// A2A 1.0 as its client speaks it here: where an agent is by its card, requests of both bindings, and what
// a task says. Pure.

import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { WebAnswer, WebRequest } from "../web.ts";

/** Which agent, and as whom it is asked. */
export interface RemoteConfig {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly allowed_hosts?: readonly string[];
  readonly max_bytes?: number;
}

/** Where an agent is asked, and how. */
export interface RemoteEndpoint {
  readonly url: string;
  readonly binding: "JSONRPC" | "HTTP+JSON";
}

/** What is read of a card. */
export interface RemoteCard {
  readonly name: string;
  readonly place: RemoteEndpoint;
  /** Whether its tasks can be followed. */
  readonly streams: boolean;
}

/** What is asked of it. */
export type RemoteMethod =
  | {
      readonly method: "SendMessage";
      readonly messageId: string;
      readonly text: string;
      readonly contextId?: string;
      readonly taskId?: string;
    }
  | { readonly method: "GetTask" | "CancelTask" | "SubscribeToTask"; readonly id: string };

/** A task, or a message in its place, as far as it is read. */
export interface RemoteTask {
  readonly id: string;
  readonly contextId: string;
  /** Without TASK_STATE_. */
  readonly state: string;
  readonly isGoingOn: boolean;
  /** The answer; or what the state's message says. */
  readonly text: string;
  readonly data?: unknown;
}

/** An object of the wire. */
export type Json = Readonly<Record<string, unknown>>;

const VERSION = "1.0";
/** Characters of what another side says is wrong that are told. */
const TOLD_CHARS = 500;
/** Of what an agent calls itself. */
const NAME_CHARS = 200;

/** A request; of the card with `place` null. */
export function remoteRequest(
  config: RemoteConfig,
  place: RemoteEndpoint | null,
  wanted: RemoteMethod | { readonly method: "card" },
): Omit<WebRequest, "tenant" | "signal" | "timeoutMs" | "bytesMax"> {
  const allowedHosts = [hostOf(config.url), ...(config.allowed_hosts ?? [])];
  const headers = { ...config.headers, "a2a-version": VERSION };
  if (place === null || wanted.method === "card") {
    return { url: config.url, method: "GET", headers, allowedHosts };
  }
  const posted = { method: "POST", allowedHosts, headers: { ...headers, ...JSON_TYPE } };
  if (place.binding === "JSONRPC") {
    const params = wanted.method === "SendMessage" ? sendParams(wanted) : { id: wanted.id };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: wanted.method, params });
    return { ...posted, url: place.url, body };
  }
  if (wanted.method === "SendMessage") {
    return {
      ...posted,
      url: `${place.url}/message:send`,
      body: JSON.stringify(sendParams(wanted)),
    };
  }
  const url = `${place.url}/tasks/${encodeURIComponent(wanted.id)}`;
  const get = { method: "GET", headers, allowedHosts };
  if (wanted.method === "GetTask") return { ...get, url };
  if (wanted.method === "SubscribeToTask") return { ...get, url: `${url}:subscribe` };
  return { ...posted, url: `${url}:cancel`, body: "{}" };
}

const JSON_TYPE = { "content-type": "application/json" };

function sendParams(wanted: Extract<RemoteMethod, { method: "SendMessage" }>): object {
  const { messageId, text, contextId, taskId } = wanted;
  const of = { ...(contextId && { contextId }), ...(taskId && { taskId }) };
  return {
    message: { messageId, role: "ROLE_USER", parts: [{ text }], ...of },
    configuration: {
      acceptedOutputModes: ["text/plain", "application/json"],
      returnImmediately: true,
    },
  };
}

/** Who the card says that the agent is, and where. @throws PROVIDER_FAILED, EGRESS_REFUSED. */
export function readCard(config: RemoteConfig, answer: WebAnswer): RemoteCard {
  const card = bodyOf(answer);
  const name = String(card["name"] ?? "").slice(0, NAME_CHARS) || hostOf(config.url);
  const streams = objectOf(card["capabilities"])["streaming"] === true;
  const all = listOf(card["supportedInterfaces"]);
  for (const { url, protocolBinding: binding, protocolVersion: version } of all) {
    const isSpoken = version === VERSION && (binding === "JSONRPC" || binding === "HTTP+JSON");
    if (!isSpoken || typeof url !== "string" || !URL.canParse(url)) continue;
    // Its headers are secrets: they go where the card is, or where the configuration says.
    const isOwn = new URL(url).origin === new URL(config.url).origin;
    if (isOwn || (config.allowed_hosts ?? []).some((one) => one === hostOf(url))) {
      return { name, place: { url: url.replace(/\/$/, ""), binding }, streams };
    }
    const where = `its card leads to ${hostOf(url)}, which is not among allowed_hosts`;
    throw new RuntimeError("EGRESS_REFUSED", `The other agent is not asked: ${where}.`);
  }
  const text = "The card of the other agent has no interface of A2A 1.0 by JSON-RPC or HTTP+JSON.";
  throw new RuntimeError("PROVIDER_FAILED", text);
}

/** A task, or a message that is the whole answer. @throws PROVIDER_FAILED. */
export function readRemote(answer: WebAnswer): RemoteTask {
  const body = bodyOf(answer);
  const error = objectOf(body["error"]);
  if (typeof error["message"] === "string") throw refused(error["message"]);
  const result = "result" in body ? objectOf(body["result"]) : body;
  if ("message" in result) {
    const message = objectOf(result["message"]);
    const contextId = String(message["contextId"] ?? "");
    return { id: "", contextId, state: "COMPLETED", isGoingOn: false, ...partsOf([message]) };
  }
  const task = objectOf(result["task"] ?? result);
  const status = objectOf(task["status"]);
  const state = String(status["state"] ?? "").replace(/^TASK_STATE_/, "");
  if (typeof task["id"] !== "string" || state === "") throw refused("it answered with no task");
  const artifacts = listOf(task["artifacts"]);
  const said =
    state === "COMPLETED" && artifacts.length > 0 ? artifacts : [objectOf(status["message"])];
  const contextId = String(task["contextId"] ?? "");
  return { id: task["id"], contextId, state, isGoingOn: isOpen(state), ...partsOf(said) };
}

/** Whether a task in this state goes on by itself. */
export function isOpen(state: string): boolean {
  return state === "WORKING" || state === "SUBMITTED";
}

function partsOf(holders: readonly Json[]): Pick<RemoteTask, "text" | "data"> {
  const parts = holders.flatMap((holder) => listOf(holder["parts"]));
  const texts = holders.map(textOf).filter((text) => text !== "");
  const [data] = parts.flatMap((part) => ("data" in part ? [part["data"]] : []));
  return { text: texts.join("\n"), ...(data !== undefined && { data }) };
}

/**
 * The text of an artifact or a message. Nothing stands between the parts of an artifact: what came in pieces
 * is kept in parts.
 */
export function textOf(holder: Json): string {
  const between = "artifactId" in holder ? "" : "\n";
  return listOf(holder["parts"])
    .flatMap(({ text }) => (typeof text === "string" ? [text] : []))
    .join(between);
}

function bodyOf({ status, body, isCut }: WebAnswer): Json {
  if (isCut) throw refused("its answer is longer than max_bytes");
  const parsed = objectOf(parse(body ?? ""));
  // An error of the protocol is told in its own words.
  if (status < 300 || typeof objectOf(parsed["error"])["message"] === "string") return parsed;
  throw refused(`it answered with status ${status}`, undefined, { status });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw refused("its answer is no JSON", error);
  }
}

function refused(why: string, cause?: unknown, details?: ErrorData["details"]): RuntimeError {
  const text = `The other agent could not be asked: ${why.slice(0, TOLD_CHARS)}.`;
  return new RuntimeError("PROVIDER_FAILED", text, details, { cause });
}

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, "");

/** The value where it is an object, else an empty one. */
export function objectOf(value: unknown): Json {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Json) : {};
}

/** The objects of a list; none of what is no list. */
export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
