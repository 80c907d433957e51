// Where platforms deliver: /gateway/{kind}/{account} and what an adapter has below it. No key is asked for:
// each adapter proves who calls over the bytes as they came. Answered when all of it is on disk.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import type { Account } from "../../channels/account.ts";
import type {
  ChannelRequest,
  ChannelResponse,
  ChannelRoute,
  Handled,
} from "../../channels/adapter.ts";
import type { Gateway } from "../../channels/gateway.ts";
import type { LaterGateway } from "../../channels/later-gateway.ts";
import { headersOf } from "../heads.ts";
import { defineRoute, type Route, type RouteContext, type RouteResponse } from "../route.ts";
import type { HttpResponse } from "../server.ts";

/** Where all of them are. */
export const GATEWAY_PATH = "/gateway";
const NACK_AFTER_S = 5;
/** Room of each body on its way in, whatever the others have, and beyond that of all together, bytes. */
const OWN_BYTES = 64 * 1_024;
const SHARED_BYTES = 128 * 1_024 * 1_024;
const ID = /^ch_[A-Za-z0-9]{1,61}$/;

const patterns = {
  "/gateway/{kind}/{account}": "",
  "/gateway/{kind}/{account}/{rest}": "Below",
  "/gateway/{kind}/{account}/{rest}/{more}": "FarBelow",
} as const;

const bodies = {
  "text/plain": Type.String(),
  "application/json": Type.Unknown(),
  "text/html": Type.String(),
  "text/xml": Type.String(),
  "text/javascript": Type.String(),
};
const refused = (why: string): RouteResponse => ({
  description: why,
  content: { ...bodies, "application/problem+json": Type.Unknown() },
});
const responses: Readonly<Record<number, RouteResponse>> = {
  200: { description: "As the platform wants it: everything is on disk.", content: bodies },
  202: { description: "As the platform wants it: everything is on disk.", content: bodies },
  204: { description: "As the platform wants it, without a body." },
  400: refused("It is nothing that the platform sends."),
  401: refused("It is not proved that the platform has sent it."),
  403: refused("It is not proved that the platform has sent it."),
  415: refused("The body is encoded; it is taken as it is alone."),
  503: refused("It could not be stored now: it is to be sent again."),
};

/** The routes: of every path both methods, since what an account has is its adapter's to say. */
export function gatewayRoutes(gateway: LaterGateway): readonly Route[] {
  const room = new BodyRoom();
  const common = {
    ...({ service: "gateway", errors: "problem", isPublic: true } as const),
    // A page of another origin may call a chat for pages; its adapter has its own list of them.
    sideEffects: false,
    summary: "Deliver to a channel",
    description:
      "For platforms, which prove themselves as each does (a signature over the body, a token): no key of this server is asked for. Answered when everything of it is on disk; 503 with Retry-After when it is to come again.",
    responses,
    handler: (context: RouteContext<undefined>) => delivered({ gateway, room }, context),
  };
  const delivery = { body: "raw", accepts: { "*/*": Type.Unknown() } } as const;
  return Object.entries(patterns).flatMap(([pattern, where]) => [
    defineRoute({ ...common, pattern, method: "GET", operation: `askChannel${where}` }),
    defineRoute({
      ...{ ...common, ...delivery, pattern },
      ...{ method: "POST", operation: `deliverToChannel${where}` },
    }),
  ]);
}

async function delivered(
  { gateway: later, room }: { readonly gateway: LaterGateway; readonly room: BodyRoom },
  context: RouteContext<undefined>,
): Promise<HttpResponse> {
  const { params, request } = context;
  const id = params["account"] ?? "";
  if (!ID.test(id)) throw nothingAt(request.path);
  const gateway = later.now() ?? (await later.open());
  const { accounts } = gateway;
  const account = accounts.find(id) ?? (await accounts.settled(id));
  if (account === undefined && accounts.has(id)) return closedReply();
  if (account === undefined || account.adapter.kind !== params["kind"]) {
    throw nothingAt(request.path);
  }
  const below = [params["rest"], params["more"]].filter((part) => part !== undefined);
  const path = below.map((part) => `/${part}`).join("");
  const route = routeOf(account, request.method, path, request.path);
  const encoding = request.header("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity")
    return plain(415, "Bodies are taken as they are: no Content-Encoding.");
  const isBodiless = request.method === "GET";
  const bytes = isBodiless ? 0 : announcedBytes(request.header("content-length"), route.bodyMax);
  const release = room.take(bytes);
  if (release === null) return againReply(null);
  const body = await read(request, route.bodyMax, release);
  const url = urlOf(gateway, account, path);
  const { method } = route;
  const asked: ChannelRequest = {
    ...{ method, path, body, query: request.query, headers: headersOf(request) },
    ...{ publicUrl: url, clientAddress: context.address },
  };
  return await handled({ gateway, account }, route, asked, request.signal);
}

async function read(
  request: RouteContext["request"],
  bytesMax: number,
  release: () => void,
): Promise<Uint8Array> {
  try {
    return await request.body(bytesMax);
  } finally {
    release();
  }
}

interface Place {
  readonly gateway: Gateway;
  readonly account: Account;
}

async function handled(
  place: Place,
  route: ChannelRoute,
  asked: ChannelRequest,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { account, gateway } = place;
  let what: Handled;
  try {
    const made = route.handle(asked);
    what = made instanceof Promise ? await made : made;
  } catch (error) {
    // A mistake of the adapter: whoever has sent it may send it again when that is mended.
    tellFailed(place, "An adapter could not handle a request.", error);
    return plain(500, "The request could not be handled.");
  }
  if ("refused" in what) {
    account.health.count("refused");
    return replyOf(what.refused);
  }
  const { events, parked = [], ack, nack, later } = what;
  if (events.length + parked.length > 0) {
    try {
      await gateway.takeIn(account, events, parked);
    } catch (error) {
      account.health.count("nacked");
      tellFailed(place, "What a platform delivered could not be taken in.", error);
      return nack === undefined ? againReply(error) : replyOf(nack);
    }
  }
  if (later === undefined) return replyOf(ack);
  try {
    return replyOf(await later(signal));
  } catch (error) {
    tellFailed(place, "What was to be answered later could not be found out.", error);
    return againReply(error);
  }
}

function tellFailed({ account, gateway }: Place, message: string, error: unknown): void {
  const { code, message: why } = toErrorData(error);
  const reason = account.hide(why);
  account.health.failed(`${message} ${code}: ${reason}`);
  const of = { account: account.id, kind: account.adapter.kind, code, reason };
  gateway.log.write("warn", message, of);
}

/** @throws NOT_FOUND, METHOD_NOT_ALLOWED. HEAD comes by the routes of GET, and is none of them. */
function routeOf(account: Account, method: string, path: string, asked: string): ChannelRoute {
  const found = account.routes.get(`${method} ${path}`);
  if (found !== undefined) return found;
  const allow = ["GET", "POST"].filter((one) => account.routes.has(`${one} ${path}`));
  if (allow.length === 0) throw nothingAt(asked);
  const message = `${method.slice(0, 20)} is no method of this path; it has ${allow.join(", ")}.`;
  throw new RuntimeError("METHOD_NOT_ALLOWED", message, { allow });
}

/** Where a platform reaches an account; "" where the server does not know its own address. */
export function urlOf(
  { publicUrl }: Pick<Gateway, "publicUrl">,
  { id, adapter }: Pick<Account, "id" | "adapter">,
  path: string,
): string {
  if (publicUrl === null) return "";
  return `${publicUrl.replace(/\/+$/, "")}${GATEWAY_PATH}/${adapter.kind}/${id}${path}`;
}

function replyOf({ status, contentType, headers = {}, body = "" }: ChannelResponse): HttpResponse {
  const type = contentType ?? "text/plain; charset=utf-8";
  return { status, headers: { "Content-Type": type, ...headers }, body };
}

const plain = (status: number, body: string): HttpResponse => replyOf({ status, body });

/** The platform delivers again. */
function againReply(error: unknown): HttpResponse {
  const afterMs = Number(toErrorData(error).details?.["retryAfterMs"]);
  const after = afterMs > 0 ? Math.ceil(afterMs / 1_000) : NACK_AFTER_S;
  const headers = { "Retry-After": String(after) };
  return replyOf({ status: 503, headers, body: "It could not be stored now; send it again." });
}

function closedReply(): HttpResponse {
  const headers = { "Retry-After": "60" };
  return replyOf({ status: 503, headers, body: "This account is not open; send it again later." });
}

function nothingAt(path: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `There is nothing at ${path.slice(0, 200)}.`);
}

/**
 * Room for deliveries on their way in: they are read before it is proved who sends them, so what all of them may
 * bring is bounded. Each has a small room of its own, which large ones of others do not take from it.
 */
class BodyRoom {
  #shared = 0;

  /** Takes room for a body of so many bytes; gives it back when called. Null: there is none now. */
  take(bytes: number): (() => void) | null {
    const held = Math.max(0, bytes - OWN_BYTES);
    if (this.#shared + held > SHARED_BYTES) return null;
    this.#shared += held;
    return () => {
      this.#shared -= held;
    };
  }
}

/** Bytes that a body may have: what is announced, or else the most that is taken. */
function announcedBytes(length: string | undefined, most: number): number {
  return /^\d{1,15}$/.test(length ?? "") ? Math.min(Number(length), most) : most;
}
