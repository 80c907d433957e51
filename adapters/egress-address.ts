// Which network addresses a request may reach. Everything that is not plainly public is refused:
// loopback, private, link-local (cloud metadata), shared, multicast, reserved, and every IPv6 form
// that carries an IPv4 address inside (mapped, 6to4, Teredo, NAT64).

import dns from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import type { DomainLists } from "../actors/records/constraints.ts";
import { LOCAL } from "../actors/records/constraints.ts";
import { RuntimeError } from "../runtime/errors.ts";

// IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates).
const closedIpv4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
const closedIpv6: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const closed4 = new BlockList();
for (const [net, prefix] of closedIpv4) closed4.addSubnet(net, prefix, "ipv4");
const closed6 = new BlockList();
for (const [net, prefix] of closedIpv6) closed6.addSubnet(net, prefix, "ipv6");
const global6 = new BlockList();
global6.addSubnet("2000::", 3, "ipv6");

/**
 * Whether an address is on the public internet.
 * @param address as a resolver gives it, e.g. "93.184.216.34" or "2606:2800::1". Anything that is no
 * address, or carries a zone, is not public.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !closed4.check(address, "ipv4");
  if (family !== 6 || address.includes("%")) return false;
  return global6.check(address, "ipv6") && !closed6.check(address, "ipv6");
}

/**
 * The host of a URL as it will be connected to: lower case, without brackets and final dot. URL has
 * already turned decimal, octal, hexadecimal and short forms of IPv4 into the usual one.
 */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

const HOST_RULE = /^(\*\.)?(\[[0-9a-f:.]+\]|[^\s/?#@:*[\]\\%]{1,253})(?::([0-9]{1,5}))?$/i;
const PORT_MAX = 65_535;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "https:": "443", "http:": "80" };

/** Where requests may go. */
export interface HostRule {
  /** As `hostOf` writes it. */
  readonly host: string;
  /** Whether the names below it are meant, in place of its own. */
  readonly isBelow: boolean;
  /** Null: none is named. */
  readonly port: string | null;
}

/**
 * Reads "api.example.com", "*.example.com" (the names below it), either with ":8443", or an address; a name in any
 * script is that which is connected to (punycode, lower case, without a final dot). Null for anything else.
 */
export function hostRule(text: string): HostRule | null {
  if (isIP(text) === 6) return hostRule(`[${text}]`);
  const [, below, name = "", port] = HOST_RULE.exec(text) ?? [];
  const url = `https://${name}`;
  if (name === "" || !URL.canParse(url)) return null;
  const host = hostOf(new URL(url));
  if (host === "" || Number(port ?? 1) < 1 || Number(port ?? 1) > PORT_MAX) return null;
  const named = port === undefined ? null : String(Number(port));
  return { host, isBelow: below !== undefined, port: named };
}

/**
 * Whether a URL leads to one of the hosts. What is no host leads nowhere.
 * @param unnamed which port is meant where none is named: that of the scheme, or any.
 */
export function isMeantFor(
  url: URL,
  hosts: readonly string[],
  unnamed: "default" | "any",
): boolean {
  const host = hostOf(url);
  const port = url.port === "" ? (DEFAULT_PORTS[url.protocol] ?? "") : url.port;
  return hosts.some((text) => {
    const rule = hostRule(text);
    if (rule === null) return false;
    const isHost = rule.isBelow ? host.endsWith(`.${rule.host}`) : host === rule.host;
    if (!isHost || (rule.port === null && unnamed === "any")) return isHost;
    return port === (rule.port ?? DEFAULT_PORTS[url.protocol]);
  });
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether a host, as `hostOf` writes it, is this machine by its name or address. */
function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost" || host.endsWith(".localhost");
  return loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

/**
 * Whether a URL leads to what each of these lists names: hosts as `isMeantFor` reads them, or "local", this
 * machine and the hosts that the operator has allowed. An empty list names nothing.
 * @param allowed by the operator, as `hostOf` writes them.
 * @throws RuntimeError EGRESS_REFUSED.
 */
export function checkDomains(url: URL, lists: DomainLists, allowed: ReadonlySet<string>): void {
  const host = hostOf(url);
  for (const list of lists) {
    if (list.includes(LOCAL) && (isLoopback(host) || allowed.has(host))) continue;
    const named = list.filter((one) => one !== LOCAL);
    if (!isMeantFor(url, named, "any")) {
      throw refused(host, "it is not among the allowed_domains of the agent");
    }
  }
}

/** Addresses of a name. */
export type Resolve = (host: string) => Promise<readonly { address: string; family: number }[]>;

const resolveBySystem = (host: string) => dns.promises.lookup(host, { all: true, verbatim: true });

/** The error for what may not be reached, and why. */
export function refused(host: string, why: string): RuntimeError {
  return new RuntimeError(
    "EGRESS_REFUSED",
    `A request to ${host || "no host"} was refused: ${why}.`,
    { host },
  );
}

/** A URL that may be asked. @throws RuntimeError EGRESS_REFUSED. */
export function checkedUrl(text: string, allowed: ReadonlySet<string>): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw refused("an unreadable address", "it is no URL");
  const host = hostOf(url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(host, `the scheme ${url.protocol} is not http or https`);
  }
  if (url.username !== "" || url.password !== "") throw refused(host, "its URL has credentials");
  if (isIP(host) !== 0 && !allowed.has(host) && !isPublicAddress(host)) {
    throw refused(host, "the address is not public and the operator has not allowed this host");
  }
  return url;
}

/** Given to the socket as its resolver: what passes here is what is connected to. */
export function checkedLookup(
  allowed: ReadonlySet<string>,
  resolve: Resolve = resolveBySystem,
): LookupFunction {
  return (hostname, options, done) => {
    const host = hostname.toLowerCase().replace(/\.$/, "");
    resolve(host).then(
      (addresses) => {
        const first = addresses[0];
        if (!first) return done(refused(host, "the name has no address"), "", 0);
        if (!allowed.has(host) && !addresses.every(({ address }) => isPublicAddress(address))) {
          const why = "the name leads to an address that is not public, and is not allowed";
          return done(refused(host, why), "", 0);
        }
        if (options.all) return done(null, [...addresses]);
        return done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, "", 0),
    );
  };
}

/**
 * The address that a connection of another protocol than HTTP is opened to, by the same rules.
 * @throws RuntimeError EGRESS_REFUSED.
 */
export function checkedAddress(
  host: string,
  allowed: ReadonlySet<string>,
  resolve?: Resolve,
): Promise<string> {
  const lookup = checkedLookup(allowed, resolve);
  const name = host.replace(/^\[|\]$/g, "");
  if (isIP(name) !== 0) {
    if (allowed.has(name) || isPublicAddress(name)) return Promise.resolve(name);
    const why = "the address is not public and the operator has not allowed this host";
    return Promise.reject(refused(name, why));
  }
  return new Promise((found, failed) => {
    lookup(name, {}, (error, address) => {
      if (error instanceof RuntimeError) failed(error);
      else if (error) failed(refused(name, `the name has no address (${error.code ?? "unknown"})`));
      else found(String(address));
    });
  });
}
