// The way out for tools: what may be asked, over redirects too, what is sent on and how much is read.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WebRequest } from "../../actors/web.ts";
import { createEgress } from "../../adapters/egress.ts";
import { hostRule, isMeantFor } from "../../adapters/egress-address.ts";
import { createWeb } from "../../adapters/web.ts";
import type { RuntimeError } from "../../runtime/errors.ts";

const asked: IncomingMessage[] = [];
let server: Server;
let other: Server;
let url: string;
let otherUrl: string;

const listen = (one: Server): Promise<string> =>
  new Promise((resolve) => {
    one.listen(0, "127.0.0.1", () => {
      resolve(`http://localhost:${(one.address() as AddressInfo).port}`);
    });
  });

beforeAll(async () => {
  other = createServer((request, response) => {
    asked.push(request);
    response.end("other");
  });
  otherUrl = await listen(other);
  server = createServer((request, response) => {
    asked.push(request);
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname === "/redirect") {
      response.writeHead(302, { location: searchParams.get("to") ?? "" }).end();
    } else if (pathname === "/long") response.end("é".repeat(1_500_000));
    else if (pathname === "/image") {
      response.writeHead(200, { "content-type": "image/png" }).end(Buffer.alloc(10));
    } else if (pathname === "/latin") {
      response.writeHead(200, { "content-type": "text/plain; charset=iso-8859-1" });
      response.end(Buffer.from([0xe9]));
    } else if (pathname === "/slow") setTimeout(() => response.end("late"), 15_000).unref();
    else response.end("hello");
  });
  url = await listen(server);
});
afterAll(() => {
  for (const one of [server, other]) {
    one.closeAllConnections();
    one.close();
  }
});

const web = createWeb(createEgress({ allowedHosts: ["localhost"] }));
const ask = (path: string, more: Partial<WebRequest> = {}) => {
  asked.length = 0;
  return web.request({
    tenant: "tn_1",
    url: /^\w+:/.test(path) ? path : url + path,
    method: "GET",
    headers: { authorization: "Bearer secret-value" },
    allowedHosts: null,
    signal: new AbortController().signal,
    timeoutMs: 20_000,
    bytesMax: 1_000,
    ...more,
  });
};
const refusal = async (asking: Promise<unknown>): Promise<string> => {
  const error = await asking.then(
    () => null,
    (thrown: RuntimeError) => thrown,
  );
  expect(error?.message ?? "").not.toContain("secret-value");
  return `${error?.code} ${error?.message}`;
};

test("an answer is its status, its headers and its text", async () => {
  expect(await ask("/")).toMatchObject({ status: 200, body: "hello", isCut: false });
  expect((await ask("/latin")).body).toBe("é");
});

test.each([
  ["http://127.0.0.1:1/", "the address is not public"],
  ["http://10.0.0.1/", "the address is not public"],
  ["http://169.254.169.254/latest/meta-data", "the address is not public"],
  ["http://[::1]/", "the address is not public"],
  ["http://2130706433/", "the address is not public"],
  ["http://user:pass@example.com/", "its URL has credentials"],
  ["file://example.com/etc/passwd", "is not http or https"],
])("%s is refused", async (address, why) => {
  const told = await refusal(ask(address));
  expect(told).toContain("EGRESS_REFUSED");
  expect(told).toContain(why);
  expect(asked).toHaveLength(0);
});

test("a host that the tool may not ask is refused, also when a redirect leads to it", async () => {
  const allowedHosts = ["api.example.com", "*.localhost"];
  expect(await refusal(ask("/", { allowedHosts }))).toContain("may not ask this host");
  expect(asked).toHaveLength(0);
  const only = { allowedHosts: ["localhost"] };
  expect((await ask("/redirect?to=/", only)).body).toBe("hello");
  const away = await refusal(ask("/redirect?to=http://example.com/", only));
  expect(away).toContain("example.com was refused: the tool may not ask this host");
  const inside = await refusal(ask("/redirect?to=http://127.0.0.1:1/"));
  expect(inside).toContain("the address is not public");
});

test.each([
  ["its own name", "https://api.example.com/x", "api.example.com", true],
  ["a name that ends alike", "https://evil-api.example.com", "api.example.com", false],
  ["a name that begins alike", "https://api.example.com.evil.example", "api.example.com", false],
  ["a name in the credentials", "https://api.example.com@evil.example/", "api.example.com", false],
  ["capital letters", "https://API.Example.COM", "Api.example.com", true],
  ["a final dot in the address", "https://api.example.com./x", "api.example.com", true],
  ["a final dot in the rule", "https://api.example.com", "api.example.com.", true],
  ["two final dots", "https://api.example.com../x", "api.example.com", false],
  ["another script", "https://xn--bcher-kva.example", "b\u00fccher.example", true],
  [
    "another script, the other way round",
    "https://B\u00dcCHER.example",
    "xn--bcher-kva.example",
    true,
  ],
  ["a letter that looks alike", "https://\u0430pi.example.com", "api.example.com", false],
  ["a dot of another script", "https://api\u3002example\uff0ecom", "api.example.com", true],
  ["names below", "https://a.b.example.com", "*.example.com", true],
  ["the name above them", "https://example.com", "*.example.com", false],
  ["what ends as they do", "https://evilexample.com", "*.example.com", false],
  ["names below, with final dots", "https://a.example.com.", "*.Example.com.", true],
  ["the port of the scheme, named", "https://api.example.com:443", "api.example.com", true],
  ["the port of the scheme, in the rule", "https://api.example.com", "api.example.com:443", true],
  ["the port of another scheme", "http://api.example.com", "api.example.com:443", false],
  ["another port", "https://api.example.com:8443", "api.example.com", false],
  ["another port that is named", "https://api.example.com:8443", "api.example.com:8443", true],
  ["another port than is named", "https://api.example.com", "api.example.com:8443", false],
  ["another port of names below", "https://a.example.com:8443", "*.example.com", false],
  ["a named port of names below", "https://a.example.com:8443", "*.example.com:8443", true],
  ["an address of IPv6", "https://[::1]:8443", "[0:0::1]:8443", true],
  ["an address of IPv4 otherwise written", "https://127.0.0.1", "0x7f.1", true],
  ["everything", "https://api.example.com", "*", false],
  ["everything below", "https://api.example.com", "*.", false],
  ["an address in place of a host", "https://api.example.com", "https://api.example.com", false],
])("a token goes where it is meant to, and nowhere else: %s", (_, url, host, isMeant) => {
  expect(isMeantFor(new URL(url), [host], "default")).toBe(isMeant);
});

test.each([
  "",
  "*",
  "*.*.com",
  "a b",
  "a/b",
  "a@b",
  "a:b",
  "a:0",
  "a:65536",
  "[a]",
  "%61",
  "a:",
  ".",
])("%j is no host that anything is meant for", (text) => {
  expect(hostRule(text)).toBe(null);
});

test("a tool may ask its hosts at any port, and at one that is named at that alone", async () => {
  const { port } = new URL(url);

  expect((await ask("/", { allowedHosts: ["LOCALHOST."] })).body).toBe("hello");
  expect((await ask("/", { allowedHosts: [`localhost:${port}`] })).body).toBe("hello");
  const other = await refusal(ask("/", { allowedHosts: ["localhost:1"] }));
  expect(other).toContain("may not ask this host");
});

test("headers are not sent on to another origin", async () => {
  const answer = await ask(`/redirect?to=${encodeURIComponent(otherUrl)}`);
  expect(answer.body).toBe("other");
  const sent = asked.map(({ headers }) => headers.authorization ?? null);
  expect(sent).toEqual(["Bearer secret-value", null]);
});

test("a request that changes something follows no redirect, and endless ones end", async () => {
  const posted = await ask("/redirect?to=/", { method: "POST", body: "x" });
  expect([posted.status, posted.headers["location"], asked.length]).toEqual([302, "/", 1]);
  const loop = "/redirect?to=/redirect?to=%252Fredirect";
  expect(await refusal(ask(loop))).toMatch(/^(EGRESS_REFUSED .*more than 5 times|undefined)/);
});

test("a long body is read up to the limit, and one that is no text not at all", async () => {
  const cut = await ask("/long", { bytesMax: 101 });
  expect([cut.isCut, cut.body]).toEqual([true, "é".repeat(50)]);
  expect(await ask("/image")).toMatchObject({ status: 200, body: null, isCut: false });
});

test("a slow answer ends at the time limit", async () => {
  expect(await refusal(ask("/slow", { timeoutMs: 50 }))).toContain("DEADLINE");
});
