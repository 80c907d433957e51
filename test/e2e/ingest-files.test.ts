// Documents from addresses and files through the real process: fetched behind the egress guard, parsed
// in the compute pool, and found; what cannot be had or read is one document's report.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const page =
  "<html><head><title>Otters</title></head><body><h1>Otters</h1><p>Otters hold hands while they sleep.</p></body></html>";

let product: Product;
let web: Server;
let site = "";
let path = "";

beforeAll(async () => {
  web = createServer((request, response) => {
    const { url } = request;
    if (url === "/old") response.writeHead(302, { location: "/otters" }).end();
    else if (url === "/loop") response.writeHead(302, { location: "/loop" }).end();
    else if (url === "/away") response.writeHead(302, { location: "http://10.0.0.1/" }).end();
    else if (url === "/otters") response.writeHead(200, { "content-type": "text/html" }).end(page);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  site = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  product = await startProduct({ config: 'knowledge:\n  fetch_hosts: ["127.0.0.1"]\n' });
  const { body } = await product.call("POST", collections, { name: "Web" });
  path = `${collections}/${body.id}`;
});
afterAll(async () => {
  await product.end();
  await new Promise((resolve) => web.close(resolve));
});

const add = async (documents: object): Promise<Json> =>
  (await product.call("POST", `${path}/documents?wait=true`, documents)).body;

test("a page is fetched, over a redirect too, and found by its words", async () => {
  const { data } = await add([{ url: `${site}/old`, metadata: { kind: "page" } }]);
  const again = await add([{ url: `${site}/old`, metadata: { kind: "page" } }]);
  const found = await product.call("POST", `${path}/search`, { query: "otters sleep", top_k: 1 });

  expect(data[0]).toMatchObject({ status: "created", title: "Otters", format: "html" });
  expect(again.data[0]).toMatchObject({ status: "unchanged", id: data[0].id });
  expect(found.body.data[0]).toMatchObject({
    title: "Otters",
    headings: ["Otters"],
    metadata: { kind: "page", url: `${site}/old` },
  });
});

test("an address that may not be reached, is not there or leads nowhere fails alone", async () => {
  const { data } = await add([
    { url: "http://10.0.0.1/secret" },
    { url: `${site}/away` },
    { url: `${site}/none` },
    { url: `${site}/loop` },
    { url: "ftp://example.com/x" },
    { url: `${site}/otters`, id: "fine" },
  ]);

  expect(data.map(({ status, error }: Json) => error?.code ?? status)).toEqual([
    "URL_REFUSED",
    "URL_REFUSED",
    "URL_FAILED",
    "URL_FAILED",
    "URL_REFUSED",
    "created",
  ]);
});

test("files that cannot be read say why, and those beside them come in", async () => {
  const form = new FormData();
  form.append("file", new File(["%PDF-1.7 nothing more"], "cut.pdf"));
  form.append("file", new File([Buffer.from([0, 1, 2, 3, 255, 0, 7])], "noise.docx"));
  form.append("file", new File(["name,age\nAda,36\n"], "people.csv"));

  const response = await fetch(`${product.url}${path}/documents?wait=true`, {
    method: "POST",
    headers: { "X-API-Key": product.adminKey },
    body: form,
  });
  const { data } = (await response.json()) as { data: Json[] };

  expect(data.map(({ status }) => status)).toEqual(["failed", "failed", "created"]);
  for (const { error } of data.slice(0, 2)) {
    expect(error).toMatchObject({ code: "DOCUMENT_UNREADABLE" });
    expect(error.details.reason).toMatch(/damaged|unsupported/);
  }
});
