// Which network addresses a request may reach. Everything that is not plainly public is refused:
// loopback, private, link-local (cloud metadata), shared, multicast, reserved, and every IPv6 form
// that carries an IPv4 address inside (mapped, 6to4, Teredo, NAT64).

import { BlockList, isIP } from "node:net";

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
