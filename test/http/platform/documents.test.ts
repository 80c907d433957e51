// Documents as strangers send them: what cannot be addressed, read or meant is refused in words, and a
// job that stopped is no success.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compute } from "../../../actors/ports.ts";
import { ingestTasks } from "../../../adapters/knowledge/embed-chunks.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";

const collections = "/v2/knowledge/collections";
let failure: RuntimeError | undefined;

const compute: Compute = {
  async run(task, input, options) {
    if (task === ingestTasks.prepare && failure !== undefined) throw failure;
    return await inlineCompute.run(task, input, options);
  },
};

let host: HttpHost;
let path = "";
beforeAll(async () => {
  host = await startHttpHost({ compute });
  const { body } = await host.call("POST", collections, { name: "Docs" });
  path = `${collections}/${body.id}/documents`;
});
afterAll(() => host.stop());

test.each(["", ".", "..", "a\u0000b", "line\nbreak", "\ud800", "x".repeat(201)])(
  "the id %j is refused",
  async (id) => {
    const { status, body } = await host.call("POST", path, [{ text: "x" }, { id, text: "x" }]);

    expect([status, body.code, body.pointer]).toEqual([400, "INVALID", "/1/id"]);
  },
);

test.each(["a/b", "../../x", "%2e", "ü 😀", "?x#y", "~", "x".repeat(200)])(
  "the id %j is the document's own",
  async (id) => {
    const one = `${path}/${encodeURIComponent(id)}`;

    const { body } = await host.call("POST", `${path}?wait=true`, { id, text: `About ${id}.` });
    const found = await host.call("GET", one);
    const gone = await host.call("DELETE", one);

    expect([body.id, found.body.text, gone.status]).toEqual([id, `About ${id}.`, 204]);
  },
);

test("a document without words is unreadable, alone and among others", async () => {
  const alone = await host.call("POST", `${path}?wait=true`, { text: " \n\t " });
  const among = await host.call("POST", `${path}?wait=true`, [{ text: " " }, { text: "Words." }]);

  expect([alone.status, alone.body.reason]).toEqual([422, "empty"]);
  expect(among.body.data.map(({ status }: { status: string }) => status)).toEqual([
    "failed",
    "created",
  ]);
});

test("another id in the body than in the path is refused", async () => {
  const other = await host.call("PUT", `${path}/one`, { id: "two", text: "x" });
  const same = await host.call("PUT", `${path}/one?wait=true`, { id: "one", text: "Words." });

  expect([other.status, other.body.pointer, same.status]).toEqual([400, "/id", 201]);
});

test("an upload without a file, and a file without an upload, say how it is done", async () => {
  const headers = { "Content-Type": "multipart/form-data; boundary=b" };
  const field = '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n--b--\r\n';
  const fieldOnly = await host.call("POST", path, field, { headers });
  const nothing = await host.call("POST", path, "--b--\r\n", { headers });
  const raw = await host.call("POST", path, "%PDF-1.7", {
    headers: { "Content-Type": "application/pdf" },
  });

  expect([fieldOnly.status, nothing.status, raw.status]).toEqual([400, 400, 400]);
  expect(fieldOnly.body.detail).toContain("no file");
  expect(raw.body.detail).toContain("multipart/form-data");
});

test("a job that stopped is answered with its error, and says which job", async () => {
  failure = new RuntimeError("EMBEDDER_MISMATCH", "The folder has another model now.");
  const { status, body } = await host.call("POST", `${path}?wait=true`, { text: "Never seen." });
  failure = undefined;

  expect([status, body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
  expect(body.detail).toMatch(/^The folder has another model now\. The ingestion job jb_\w+ /);
});

test("what JSON cannot give back as it was sent is refused, wherever it stands", async () => {
  const post = async (body: string, to = path) => {
    const answer = await fetch(`${host.url}${to}`, {
      ...{ method: "POST", body },
      headers: { "X-API-Key": host.key, "content-type": "application/json" },
    });
    const { code, pointer } = (await answer.json()) as { code?: string; pointer?: string };
    return [answer.status, code, pointer];
  };
  const half = "a\\ud83d";
  const search = path.replace(/documents$/, "search");

  expect([
    await post('[{"text":"x"},{"text":"x","metadata":{"a/b":[0,-1e999]}}]'),
    await post(`{"text":"${half}"}`),
    await post(`{"text":"x","title":"${half}"}`),
    await post(`{"text":"x","metadata":{"${half}":1}}`),
    await post('{"query":"x","filter":{"size":{"lt":1e400}}}', search),
  ]).toEqual([
    [400, "INVALID", "/1/metadata/a~1b/1"],
    [400, "INVALID", "/text"],
    [400, "INVALID", "/title"],
    [400, "INVALID", "/metadata"],
    [400, "INVALID", "/filter/size/lt"],
  ]);
  // A whole pair, and what only looks like an escape, are as good as any text.
  const [status] = await post(
    '{"text":"Whole: \\ud83d\\ude00, told: \\\\ud83d"}',
    `${path}?wait=true`,
  );
  expect(status).toBe(201);

  const form = new FormData();
  form.append("metadata", '{"size":1e999}');
  form.append("file", new File(["A file."], "a.md"));
  const headers = { "X-API-Key": host.key };
  const upload = await fetch(`${host.url}${path}`, { method: "POST", body: form, headers });
  expect(upload.status).toBe(400);
});
