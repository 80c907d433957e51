// Passes what platforms deliver on to the server and its answer back. Nothing is kept: what the server has not
// acknowledged is not acknowledged here, and comes again.

import { toErrorData } from "../../runtime/errors.ts";
import type { ChannelResponse } from "../channels/adapter.ts";
import { adapterOf } from "../channels/registry.ts";
import { createEgress, type Egress } from "../egress.ts";
import type { Applied } from "./apply.ts";
import { Bodies } from "./bodies.ts";
import { gatewayLimits } from "./options.ts";

/** A request of a platform. */
export interface Delivered {
  readonly method: string;
  /** Below the prefix: "/slack/interactive", with the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Who has sent it. */
  readonly address: string;
}

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Headers that are of one connection, or that the other side makes itself. */
const own = new Set([
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "host", "content-length", "expect", "x-forwarded-for"],
]);

/** Passes requests on. */
export class Forwarder {
  /** Null: the server is not known yet. */
  #server: { readonly url: string; readonly egress: Egress } | null = null;
  #channels = new Map<string, Applied>();
  #underWay = 0;
  readonly #bodies = new Bodies();

  /** The server. */
  point(url: string): void {
    this.#server?.egress.close();
    const egress = createEgress({ allowedHosts: [new URL(url).hostname] });
    this.#server = { url: url.replace(/\/+$/, ""), egress };
  }

  /** From now on these. */
  set(channels: readonly Applied[]): void {
    this.#channels = new Map(channels.map((one) => [one.name, one]));
  }

  /** Answers a request when its body is there. Does not throw. */
  async read(
    delivered: Omit<Delivered, "body">,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<Answer> {
    const read = await this.#bodies.read(pieces, delivered.headers["content-length"]);
    // The rest of it is not waited for.
    if ("status" in read) {
      const again = read.status === 503 ? { "retry-after": "5" } : {};
      return text(read.status, read.reason, { connection: "close", ...again });
    }
    try {
      return await this.handle({ ...delivered, body: read.body });
    } finally {
      read.release();
    }
  }

  /** Answers a request. Does not throw. */
  async handle(delivered: Delivered): Promise<Answer> {
    if (this.#server === null) return text(503, "The gateway is starting.", { "retry-after": "5" });
    const place = this.#placeOf(delivered.path);
    if (place === null) return text(404, "There is no such channel.");
    const { method } = delivered;
    if (!["GET", "POST", "HEAD", "OPTIONS"].includes(method)) {
      return text(405, `${method.slice(0, 20)} is no method of a channel.`, { allow: "GET, POST" });
    }
    if (this.#underWay >= gatewayLimits.requests) {
      return text(503, "Too many requests are under way.", { "retry-after": "5" });
    }
    this.#underWay += 1;
    try {
      return await asked(this.#server, delivered, place.path);
    } catch (error) {
      const nack = await nackOf(place.channel, place.path);
      return (
        nack ??
        text(503, `The server does not answer: ${toErrorData(error).code}.`, { "retry-after": "5" })
      );
    } finally {
      this.#underWay -= 1;
    }
  }

  close(): void {
    this.#server?.egress.close();
    this.#server = null;
  }

  /** `/gateway/<name>/...` of one of ours; `/gateway/<kind>/<id>/...` as the server itself writes it. */
  #placeOf(path: string): { readonly path: string; readonly channel: Applied } | null {
    const [, first = "", rest = ""] = /^\/([^/?]*)(.*)$/.exec(path) ?? [];
    const channel = this.#channels.get(decoded(first));
    const [, id = ""] = /^\/(ch_[A-Za-z0-9]{1,61})(?=[/?]|$)/.exec(rest) ?? [];
    const known = [...this.#channels.values()].find((one) => one.id === id && one.kind === first);
    if (known !== undefined) return { path: `/gateway${path}`, channel: known };
    if (channel === undefined) return null;
    const below = rest === "/" ? "" : rest;
    return { path: `/gateway/${channel.kind}/${channel.id}${below}`, channel };
  }
}

async function asked(
  { url, egress }: { readonly url: string; readonly egress: Egress },
  { method, headers, body, address }: Delivered,
  path: string,
): Promise<Answer> {
  const passed = Object.entries(headers).filter(([name]) => !own.has(name));
  const response = await egress.request({
    url: `${url}${path}`,
    method,
    headers: { ...Object.fromEntries(passed), "x-forwarded-for": address },
    ...(body.byteLength > 0 && { body }),
    limits: {
      firstByteMs: gatewayLimits.answerMs,
      totalMs: gatewayLimits.answerMs,
      bytesMax: gatewayLimits.answerBytes,
    },
    connectionsMax: 256,
    redirects: "show",
  });
  const pieces: Buffer[] = [];
  await response.read((piece) => void pieces.push(Buffer.from(piece)));
  return { status: response.status, headers: shown(response.headers), body: Buffer.concat(pieces) };
}

/** What a platform is told that never delivers again what is refused (a slash command): words for people. */
async function nackOf({ kind, id }: Applied, path: string): Promise<Answer | null> {
  const { offline } = await adapterOf(kind);
  const [below = ""] = path.slice(`/gateway/${kind}/${id}`.length).split("?");
  const nack = offline?.(below);
  return nack ? answerOf(nack) : null;
}

function answerOf({ status, contentType, headers = {}, body = "" }: ChannelResponse): Answer {
  const type = contentType ?? "text/plain; charset=utf-8";
  return { status, headers: { "content-type": type, ...headers }, body: Buffer.from(body) };
}

function shown(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const kept = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || own.has(name)
      ? []
      : [[name, Array.isArray(value) ? value.join(", ") : value]],
  );
  return Object.fromEntries(kept);
}

function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return { status, headers: { ...type, ...headers }, body: Buffer.from(`${body}\n`) };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}
