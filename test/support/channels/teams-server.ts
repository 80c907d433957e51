// Microsoft's side of Teams on loopback: OpenID metadata and keys, tokens that end, and the Bot Connector with
// its error bodies. Activities are signed as the Connector signs them.

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT } from "jose";
import type { ChannelRequest } from "../../../adapters/channels/adapter.ts";
import { rawRequest } from "./raw-request.ts";

type Json = Record<string, unknown>;

/** The app. */
export const APP = { id: "11111111-2222-3333-4444-555555555555", password: "app-secret-1" };
/** Who signs what the Connector sends. */
export const ISSUER = "https://api.botframework.com";
/** The bot, as conversations know it. */
export const BOT_ID = `28:${APP.id}`;

/** A key of the Connector. */
export interface ConnectorKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly jwk: Json;
}

/** Makes one. */
export function makeKey(id: string, endorsements: readonly string[] = ["msteams"]): ConnectorKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: id, use: "sig", endorsements };
  return { id, privateKey, jwk };
}

/** What becomes of a call instead of an answer. */
export interface Fault {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
}

/** A call that has come. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** The running fake. */
export interface TeamsServer {
  readonly url: string;
  readonly serviceUrl: string;
  readonly calls: SeenCall[];
  /** Keys that the Connector names. */
  readonly keys: ConnectorKey[];
  /** Activities by id, as they stand. */
  readonly activities: Map<string, Json>;
  /** Tokens of the bot that are good. */
  readonly tokens: Set<string>;
  /** The next calls whose "METHOD /path" begins so meet these, in order. */
  fault(call: string, ...faults: Fault[]): void;
  /** Settings of an account that is here. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** An activity of Anna's in a personal conversation. */
  activity(more?: Json): Json;
  /** A request as the Connector makes it. @param claims instead of the right ones. */
  signed(
    activity: Json,
    key?: ConnectorKey,
    claims?: Json,
    nowMs?: number,
  ): Promise<ChannelRequest>;
  stop(): Promise<void>;
}

/** Starts it on a free port. */
export async function startTeams(): Promise<TeamsServer> {
  const faults = new Map<string, Fault[]>();
  const calls: SeenCall[] = [];
  const keys = [makeKey("key-1")];
  const activities = new Map<string, Json>();
  const tokens = new Set<string>();
  const http = createServer((request, response) => void serve(request, response));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const serviceUrl = `${url}/emea/`;
  let count = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const path = request.url ?? "/";
    const { method = "" } = request;
    const { authorization } = request.headers;
    const call = { method, path, authorization, body: Buffer.concat(pieces).toString() };
    calls.push(call);
    const wanted = `${method} ${path}`;
    const fault = [...faults].find(([start]) => wanted.startsWith(start))?.[1]?.shift();
    const { status, headers = {}, body = {} } = fault ?? answerTo(call);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }

  function answerTo(call: SeenCall): Fault {
    if (call.path === "/metadata") return ok({ issuer: ISSUER, jwks_uri: `${url}/keys` });
    if (call.path === "/keys") return ok({ keys: keys.map(({ jwk }) => jwk) });
    if (call.path.endsWith("/oauth2/v2.0/token")) return give(new URLSearchParams(call.body));
    const token = call.authorization?.replace("Bearer ", "") ?? "";
    if (!tokens.has(token)) return wrong(401, "Unauthorized", "Authorization has been denied.");
    if (call.path.startsWith("/files/")) return { status: 200, body: "file of Anna" };
    const [, id] =
      /^\/emea\/v3\/conversations\/[^/]+\/activities(?:\/([^/]+))?$/.exec(call.path) ?? [];
    const activity = JSON.parse(call.body) as Json;
    if (call.method === "PUT") {
      if (id === undefined || !activities.has(id)) {
        return wrong(404, "ActivityNotFoundInConversation", "Unknown activity.");
      }
      activities.set(id, activity);
      return ok({ id });
    }
    if (activity["type"] === "typing") return { status: 202 };
    count += 1;
    activities.set(`sent-${count}`, activity);
    return { status: 201, body: { id: `sent-${count}` } };
  }

  function give(form: URLSearchParams): Fault {
    if (form.get("client_id") !== APP.id || form.get("client_secret") !== APP.password) {
      const error_description = `AADSTS7000215: Invalid client secret ${form.get("client_secret")}`;
      return { status: 401, body: { error: "invalid_client", error_description } };
    }
    count += 1;
    const access_token = `bot-token-${count}`;
    tokens.add(access_token);
    return ok({ token_type: "Bearer", expires_in: 3_600, access_token });
  }

  function activity(more: Json = {}): Json {
    count += 1;
    return {
      ...{ type: "message", id: `in-${count}`, timestamp: new Date().toISOString() },
      ...{ channelId: "msteams", serviceUrl, text: "Hello", textFormat: "plain" },
      from: { id: "29:anna", name: "Anna", aadObjectId: "aad-anna" },
      recipient: { id: BOT_ID, name: "Troupe" },
      conversation: { id: "a:personal", conversationType: "personal", tenantId: "tenant-1" },
      channelData: { tenant: { id: "tenant-1" } },
      ...more,
    };
  }

  return {
    ...{ url, serviceUrl, calls, keys, activities, tokens, activity },
    fault: (call, ...more) => faults.set(call, [...(faults.get(call) ?? []), ...more]),
    settings: {
      ...{ app_id: APP.id, app_password: APP.password, login_url: url },
      ...{ metadata_url: `${url}/metadata`, service_hosts: [`127.0.0.1:${port}`] },
    },
    async signed(said, key = keys[0], claims = {}, nowMs = Date.now()) {
      const { id: kid, privateKey } = key ?? makeKey("none");
      const now = Math.floor(nowMs / 1_000);
      const basic = { iss: ISSUER, aud: APP.id, nbf: now, exp: now + 3_600 };
      const payload = { ...basic, serviceurl: said["serviceUrl"], ...claims };
      const token = await new SignJWT(payload)
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
        .sign(privateKey);
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      return rawRequest({ headers, body: JSON.stringify(said) });
    },
    stop: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
}

const ok = (body: object): Fault => ({ status: 200, body });
const wrong = (status: number, code: string, message: string): Fault => ({
  ...{ status, body: { error: { code, message } } },
});
