// Which address a request came from, as far as guesses of keys and the audit are concerned: that of the
// peer, or what a proxy that is trusted says of it. Anybody else may write what he likes into the header.

import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { RuntimeError } from "../../runtime/errors.ts";
import type { HttpRequest } from "./server.ts";

/** What of a request is looked at. */
export type Came = Pick<HttpRequest, "peer" | "header">;

/** Hops of X-Forwarded-For that are looked at, from its end. */
const HOPS_MAX = 16;

/**
 * Reads addresses: the last one of X-Forwarded-For that is no trusted proxy, when the peer is one.
 * @param trusted addresses ("10.0.0.1") and networks ("10.0.0.0/8", "fd00::/8"); default none.
 * @throws CONFIG_INVALID for one that is neither.
 */
export function createAddressOf(trusted: readonly string[]): (request: Came) => string {
  const isTrusted = createIsProxy(trusted);
  return (request) => {
    const peer = plain(request.peer);
    if (trusted.length === 0 || !isTrusted(peer)) return peer;
    const hops = (request.header("x-forwarded-for") ?? "").split(",").slice(-HOPS_MAX).reverse();
    let last = peer;
    for (const hop of hops) {
      const address = plain(hop.trim());
      // What is no address was not written by a proxy of ours: the one before it is as far as we know.
      if (isIP(address) === 0) return last;
      last = address;
      if (!isTrusted(address)) return address;
    }
    return last;
  };
}

/**
 * Says of addresses whether they are of proxies that are trusted.
 * @throws CONFIG_INVALID for one of `trusted` that is no address and no network.
 */
export function createIsProxy(trusted: readonly string[]): (address: string) => boolean {
  const proxies = new BlockList();
  for (const one of trusted) addTo(proxies, one);
  return (address) => {
    const version = isIP(address);
    return version !== 0 && proxies.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}

function addTo(proxies: BlockList, text: string): void {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const most = family === "ipv4" ? 32 : 128;
  const prefix = bits === undefined ? most : Number(bits);
  const isNetwork = isIP(address) !== 0 && rest.length === 0 && bits !== "";
  if (!isNetwork || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
    const message = `http.trusted_proxies: "${text.slice(0, 80)}" is no address and no network such as 10.0.0.0/8.`;
    throw new RuntimeError("CONFIG_INVALID", message);
  }
  proxies.addSubnet(address, prefix, family);
}

/** Without what a URL or a proxy puts around it, and IPv4 as IPv4: "[::ffff:10.0.0.1]:443" is "10.0.0.1". */
function plain(text: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1];
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1];
  const address = bracketed ?? withPort ?? text;
  const mapped = isIPv6(address) ? wordsOf(address) : null;
  if (mapped === null || mapped.slice(0, 5).some((word) => word !== 0)) return address;
  const [, , , , , sixth, high = 0, low = 0] = mapped;
  if (sixth !== 0xffff) return address;
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * What counts as one address: an IPv4 address, or the /64 of an IPv6 address, of which a single machine
 * has all.
 */
export function networkOf(address: string): string {
  const clean = plain(address);
  if (!isIPv6(clean)) return clean;
  const words = wordsOf(clean);
  return `${words
    .slice(0, 4)
    .map((word) => word.toString(16))
    .join(":")}::/64`;
}

/** The eight words of an IPv6 address. */
function wordsOf(address: string): readonly number[] {
  const [text = ""] = address.split("%");
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string | undefined, low: string | undefined): string =>
    (Number(high) * 256 + Number(low)).toString(16);
  const whole =
    dotted === null
      ? text
      : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [left = "", right] = whole.split("::");
  const wordsIn = (part: string): readonly number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  const head = wordsIn(left);
  if (right === undefined) return head;
  const tail = wordsIn(right);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}
