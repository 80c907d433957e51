// Tools of files on the real process: granted in troupe.yaml, named in records, used by a model; the agent of
// document 003; a page of the web as text.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { pdfOf } from "../support/documents.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-folders-"));
const data = join(folder, "clients/acme/data");
let product: Product;
let site: Server;
beforeAll(async () => {
  mkdirSync(join(data, "incoming"), { recursive: true });
  writeFileSync(join(data, "incoming/sales.csv"), "city,sold\nOslo,1\nRome,3\n");
  site = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      "<title>Hours</title><nav>Menu</nav><p>Open <b>at 9</b>.</p><script>no()</script>",
    );
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const config = `
tools:
  hosts: [127.0.0.1]
  folders:
    - { name: data, path: "${data}", tenants: [tn_default], access: write }
    - { name: theirs, path: "${folder}", tenants: [tn_other] }
`;
  product = await startProduct({ config, env: { TROUPE_WORKERS: "1" } });
}, 60_000);
afterEach(() => product.provider.reset());
afterAll(async () => {
  await product.end();
  site.close();
  rmSync(folder, { recursive: true });
});

const { say, calling, eventsOf } = toolTalk(() => product);
const agent = (tools: unknown) =>
  product.call("POST", "/v2/agents", { name: "Desk", model_name: "gpt-4o-mini", tools });
const asked = async (tools: unknown, calls: Parameters<typeof calling>[0]) => {
  const made = await agent(tools);
  expect(made.status).toBe(201);
  product.provider.reset();
  calling(calls);
  const reply = await say(String(made.body.id), "Go.");
  expect(reply.body.response).toBe("Done.");
  // Calls are made side by side: their results in the order of the calls.
  const events = await eventsOf(reply.body.id);
  const ids = events.flatMap(({ type, id }) => (type === "tool_call" ? [id] : []));
  return ids.map(
    (wanted) => events.find(({ type, id }) => type === "tool_result" && id === wanted)?.result,
  );
};

test("the tools of document 003's agent work as it writes them: an analyser without paths reads what the reader may", async () => {
  const tools = [
    { tool: "file_reader", permissions: ["read"], config: { paths: [`${data}/`] } },
    { tool: "data_analyzer", permissions: ["read", "execute"] },
  ];
  const path = `${data}/incoming/sales.csv`;

  const came = await asked(tools, [
    { name: "file_reader", arguments: { path } },
    { name: "data_analyzer", arguments: { path } },
    { name: "file_reader", arguments: { path: "/etc/passwd" } },
  ]);

  expect(came).toMatchObject([
    { path, text: "city,sold\nOslo,1\nRome,3\n" },
    { path, rows: 2, columns: [{ name: "city" }, { name: "sold", mean: 2 }] },
    { error: { code: "FORBIDDEN", pointer: "/path" } },
  ]);
});

test("a file is written, found and read again, and permission to write is one of its own", async () => {
  const writer = { tool: "file_writer", config: { paths: ["data/out"] } };
  const written = { path: "notes/a.md", content: "# Sum\n4\n" };
  const search = { tool: "file_search", config: { paths: ["data"] } };

  const made = await asked([writer], [{ name: "file_writer", arguments: written }]);
  const found = await asked(
    [search],
    [{ name: "file_search", arguments: { text: "sum", glob: "*.md" } }],
  );

  expect(made).toEqual([{ path: "data/out/notes/a.md", bytes: 8, mode: "create" }]);
  expect(readFileSync(join(data, "out/notes/a.md"), "utf8")).toBe(written.content);
  expect(found).toMatchObject([{ files: [{ path: "data/out/notes/a.md", lines: [{ line: 1 }] }] }]);
  const refused = await agent([{ ...writer, permissions: ["read"] }]);
  expect([refused.status, refused.body.pointer]).toEqual([400, "/tools/0/permissions"]);
});

test("a record names only what the operator granted its tenant, and is told what there is", async () => {
  const read = (path: string) => ({ tool: "file_reader", config: { paths: [path] } });
  for (const path of ["/etc", "theirs", `${folder}/clients`, "nothing/x", "data/../x"]) {
    const refused = await agent([read(path)]);
    expect([refused.status, refused.body.pointer]).toEqual([400, "/tools/0/config/paths/0"]);
    expect(refused.body.detail).toMatch(/Granted are: data\.|upwards/);
  }
  const record = { name: "r", type: "file_writer", config: { paths: ["/etc"] } };
  const tool = await product.call("POST", "/v2/tools", record);
  expect([tool.status, tool.body.pointer]).toEqual([400, "/config/paths/0"]);
  const fine = await product.call("POST", "/v2/tools", { ...record, config: { paths: ["data"] } });
  expect(fine.status).toBe(201);
});

test("a page is its title and its text", async () => {
  const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
  const tools = [{ tool: "web_page", config: { allowed_hosts: ["127.0.0.1"] } }];
  const came = await asked(tools, [
    { name: "web_page", arguments: { url } },
    { name: "web_page", arguments: { url: "http://localhost:1/" } },
  ]);
  expect(came[0]).toEqual({ url, status: 200, title: "Hours", text: "Open at 9." });
  expect(came[1]).toMatchObject({ error: { code: "EGRESS_REFUSED" } });
});

test("of documents the text is read, piece by piece; one that is damaged says so", async () => {
  writeFileSync(join(data, "bill.pdf"), pdfOf([[{ text: "Pay 19.90 to the shop.", y: 700 }]]));
  writeFileSync(
    join(data, "hours.html"),
    `<p>Open</p><script>no()</script><p>${"x".repeat(40_000)}</p>`,
  );
  writeFileSync(join(data, "broken.pdf"), "%PDF-1.7 and nothing more");
  const read = (path: string, offset = 0) => ({ name: "file_reader", arguments: { path, offset } });
  const tools = [{ tool: "file_reader", config: { paths: ["data"] } }];
  const [bill, hours, rest, broken] = await asked(tools, [
    ...[read("bill.pdf"), read("hours.html"), read("hours.html", 39_990), read("broken.pdf")],
  ]);
  expect(bill).toMatchObject({ kind: "file", text: expect.stringContaining("Pay 19.90") });
  expect(hours.text).toMatch(/^Open\s+x{10}/);
  expect(hours.next_offset).toBe(hours.text.length);
  expect(rest.text).toMatch(/^x+$/);
  expect(rest.next_offset).toBeUndefined();
  expect(broken).toMatchObject({ error: { code: "DOCUMENT_UNREADABLE" } });
});
