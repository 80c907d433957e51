// A document's address that fails is the address's fault in words and code, never a provider's.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEgress } from "../../../adapters/egress.ts";
import { fetchDocument } from "../../../adapters/knowledge/fetch-document.ts";

const server = createServer((request, response) => {
  if (request.url === "/cut") response.destroy();
  else if (request.url === "/round") response.writeHead(302, { location: "/round" }).end();
  else if (request.url === "/large") {
    response.writeHead(200).end(Buffer.alloc(33 * 1_024 * 1_024));
  } else response.writeHead(404).end();
});
let base = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test.each(["/gone", "/round", "/large", "/cut"])(
  "an address that fails as %s does is URL_FAILED",
  async (path) => {
    const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
    const { signal } = new AbortController();

    await expect(
      fetchDocument(egress, `${base}${path}`, { tenant: "tn_a", signal }),
    ).rejects.toMatchObject({
      code: "URL_FAILED",
      message: expect.stringContaining("The document's address"),
    });
  },
);

test("an address that may not be asked is refused", async () => {
  const egress = createEgress({ allowedHosts: [] });

  await expect(
    fetchDocument(egress, `${base}/gone`, {
      tenant: "tn_a",
      signal: new AbortController().signal,
    }),
  ).rejects.toMatchObject({ code: "URL_REFUSED", details: { pointer: "/url" } });
});
