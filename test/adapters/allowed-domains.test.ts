// `allowed_domains` of agents, as the egress guard holds requests to them: what looks like a host that is
// allowed and is another one, redirects, names that lead elsewhere.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DomainLists } from "../../actors/records/constraints.ts";
import { createEgress } from "../../adapters/egress.ts";
import { checkDomains } from "../../adapters/egress-address.ts";
import { createWeb } from "../../adapters/web.ts";
import type { RuntimeError } from "../../runtime/errors.ts";

let server: Server;
let port = 0;
const asked: string[] = [];

/** Names that lead to this machine; the guard lets those pass that the operator has allowed. */
const here = [
  "localhost",
  "a.example",
  "b.example",
  "x.b.example",
  "internal.test",
  "bücher.example",
];
const allowedHosts = [...here, "xn--bcher-kva.example", "127.0.0.1"];
let leads: Readonly<Record<string, string>> = {};
const egress = createEgress({
  allowedHosts,
  resolve: async (host) => [{ address: leads[host] ?? "127.0.0.1", family: 4 }],
});
const strict = createEgress({
  allowedHosts: [],
  resolve: async (host) => [{ address: leads[host] ?? "127.0.0.1", family: 4 }],
});

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.headers.host}${request.url}`);
    const to = new URL(request.url ?? "", "http://x").searchParams.get("to");
    if (to === null) response.end("hello");
    else response.writeHead(302, { location: to.replace("PORT", String(port)) }).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  egress.close();
  strict.close();
  server.closeAllConnections();
  server.close();
});

const ask = async (url: string, domains: DomainLists | undefined, by = egress): Promise<string> => {
  asked.length = 0;
  const web = createWeb(by);
  try {
    const { status } = await web.request({
      ...{ tenant: "tn_1", url: url.replace("PORT", String(port)), method: "GET", headers: {} },
      ...{ allowedHosts: null, ...(domains && { domains }), timeoutMs: 2_000, bytesMax: 100 },
      signal: new AbortController().signal,
    });
    return String(status);
  } catch (error) {
    return (error as RuntimeError).code;
  }
};

const reached: readonly (readonly [string, string, readonly string[]])[] = [
  ["a host by its name", "http://a.example:PORT/", ["a.example"]],
  ["in capitals", "http://A.EXAMPLE:PORT/", ["a.example"]],
  ["a rule in capitals", "http://a.example:PORT/", ["A.Example"]],
  ["with a final dot", "http://a.example.:PORT/", ["a.example"]],
  ["a rule with a final dot", "http://a.example:PORT/", ["a.example."]],
  ["a name below a star", "http://x.b.example:PORT/", ["*.b.example"]],
  ["punycode of a rule in letters", "http://xn--bcher-kva.example:PORT/", ["bücher.example"]],
  ["letters of a rule in punycode", "http://bücher.example:PORT/", ["xn--bcher-kva.example"]],
  ["full-width letters of the same name", "http://ａ.example:PORT/", ["a.example"]],
  ["this machine", "http://localhost:PORT/", ["local"]],
  ["this machine by its address", "http://127.0.0.1:PORT/", ["local"]],
  ["its address in decimal", "http://2130706433:PORT/", ["127.0.0.1"]],
  ["a host that the operator has allowed", "http://internal.test:PORT/", ["local"]],
  [
    "a redirect among them",
    "http://a.example:PORT/?to=http://b.example:PORT/",
    ["a.example", "b.example"],
  ],
];

test.each(reached)("%s is reached", async (_what, url, list) => {
  expect(await ask(url, [list])).toBe("200");
});

test("without a list whatever the guard lets pass is reached", async () => {
  expect(await ask("http://b.example:PORT/", undefined)).toBe("200");
});

const refused: readonly (readonly [string, string, readonly string[]])[] = [
  ["anything, by an empty list", "http://a.example:PORT/", []],
  ["another host", "http://b.example:PORT/", ["a.example"]],
  ["the name of a star itself", "http://b.example:PORT/", ["*.b.example"]],
  ["a name that ends alike", "http://notb.example:PORT/", ["*.b.example", "b.example"]],
  ["a name that begins alike", "http://a.example.evil.test:PORT/", ["a.example"]],
  ["the name as a user", "http://a.example@b.example:PORT/", ["a.example"]],
  ["the name as user and password", "http://a.example:x@b.example:PORT/", ["a.example"]],
  ["the name behind a fragment", "http://b.example:PORT/#a.example", ["a.example"]],
  ["the name in the query", "http://b.example:PORT/?a.example", ["a.example"]],
  ["the name behind a backslash", "http://b.example:PORT\\@a.example/", ["a.example"]],
  ["the name with a dot encoded", "http://b.example%2ea.example:PORT/", ["a.example"]],
  ["a name that looks alike", "http://аpple.example:PORT/", ["apple.example"]],
  ["the address of a host that is allowed", "http://127.0.0.1:PORT/", ["a.example"]],
  ["that address in decimal", "http://2130706433:PORT/", ["a.example"]],
  ["in octal", "http://0177.0.0.1:PORT/", ["a.example"]],
  ["in hexadecimal", "http://0x7f.1:PORT/", ["a.example"]],
  ["in a short form", "http://127.1:PORT/", ["a.example"]],
  ["within IPv6", "http://[::ffff:127.0.0.1]:PORT/", ["a.example", "local"]],
  ["another port of the host", "http://a.example:PORT/", ["a.example:1"]],
  ["a host elsewhere, by local", "http://elsewhere.test:PORT/", ["local"]],
  ["a name that has local in it", "http://local:PORT/", ["local"]],
  ["a name below local", "http://x.local:PORT/", ["local", "*.localhost"]],
  ["a redirect to another host", "http://a.example:PORT/?to=http://b.example:PORT/", ["a.example"]],
  ["a redirect to an address", "http://a.example:PORT/?to=http://127.0.0.1:PORT/", ["a.example"]],
  ["a redirect without a scheme", "http://a.example:PORT/?to=//b.example:PORT/", ["a.example"]],
  ["another scheme", "file:///etc/passwd", ["local"]],
];

test.each(refused)("%s is refused, and never asked", async (_what, url, list) => {
  expect(await ask(url, [list])).toBe("EGRESS_REFUSED");
  expect(asked.filter((one) => !one.startsWith(`a.example:${port}/?to=`))).toEqual([]);
});

test("of several lists each has to name a host", async () => {
  expect(await ask("http://a.example:PORT/", [["a.example", "b.example"], ["*.b.example"]])).toBe(
    "EGRESS_REFUSED",
  );
  expect(await ask("http://x.b.example:PORT/", [["x.b.example"], ["*.b.example"]])).toBe("200");
});

const addresses: readonly (readonly [string, string, boolean])[] = [
  ["http://[::1]:80/", "::1", true],
  ["http://[0:0:0:0:0:0:0:1]:8080/", "[::1]", true],
  ["http://[::1]:8080/", "[0:0::1]:8080", true],
  ["http://[::1]:8081/", "[::1]:8080", false],
  ["http://[::1]/", "local", true],
  ["http://[::2]/", "local", false],
  ["http://[2606:2800:0:0::1]/", "2606:2800::1", true],
  ["http://[2606:2800::2]/", "2606:2800::1", false],
  ["https://a.example/", "a.example:443", true],
  ["http://a.example/", "a.example:443", false],
  ["http://127.0.0.2/", "local", true],
  ["http://sub.localhost/", "local", true],
  ["http://localhost.a.example/", "local", false],
];

test.each(addresses)("%s by %s: %s", (url, rule, isNamed) => {
  const all = new Set(["::1", "::2", "127.0.0.2"]);
  const checked = () => checkDomains(new URL(url), [[rule]], rule === "local" ? new Set() : all);
  if (isNamed) expect(checked).not.toThrow();
  else expect(checked).toThrow("allowed_domains");
});

test("a list opens nothing that the guard keeps closed, also where a name leads to it later", async () => {
  leads = { "a.example": "127.0.0.1" };
  expect(await ask("http://localhost:PORT/", [["local", "localhost"]], strict)).toBe(
    "EGRESS_REFUSED",
  );
  expect(await ask("http://127.0.0.1:PORT/", [["local", "127.0.0.1"]], strict)).toBe(
    "EGRESS_REFUSED",
  );
  expect(await ask("http://a.example:PORT/", [["a.example"]], strict)).toBe("EGRESS_REFUSED");
  leads = { "a.example": "169.254.169.254" };
  expect(await ask("http://a.example:PORT/", [["a.example"]], strict)).toBe("EGRESS_REFUSED");
  leads = {};
});
