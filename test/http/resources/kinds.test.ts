// What every kind of resource promises, through the real door: one table of tests over all kinds that
// are registered, so that a new one is tested by its sample alone.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createResources } from "../../../adapters/http/resources/kinds.ts";
import { RecordIndex } from "../../../adapters/http/services/record-index.ts";
import { createSerial } from "../../../adapters/serial.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { type ResourceSample, resourceSamples } from "../../support/resource-samples.ts";
import type { Json } from "../../support/wire-client.ts";
import { memoryTables } from "../memory-tables.ts";

const tables = memoryTables();
const resources = createResources({
  system: { tables, ask: () => Promise.reject(new Error("Nobody is asked here.")) },
  index: new RecordIndex(tables),
  ...{ serial: createSerial(), nowMs: Date.now },
});
const kinds = Object.values(resources.kinds).map(({ kind }) => kind);

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const problem = "application/problem+json";

describe.each(kinds.map((kind) => [kind.path, kind] as const))("%s", (path, kind) => {
  const list = `/v2/${path}`;
  let sample: ResourceSample;
  beforeAll(async () => {
    sample = await resourceSamples[path as keyof typeof resourceSamples](host);
  });
  const make = async (body: object = sample.one): Promise<Json> =>
    (await host.call("POST", list, body)).body;

  test("a record is created, read, replaced, patched and removed", async () => {
    const made = await host.call("POST", list, sample.one);
    const one = `${list}/${made.body.id}`;
    const read = await host.call("GET", one);
    const patched = await host.call("PATCH", one, sample.patch);
    const put = await host.call("PUT", one, sample.other);
    const gone = await host.call("DELETE", one);
    const after = await host.call("GET", one);

    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ ...sample.one, version: 1 });
    expect(made.body.id).toMatch(new RegExp(`^${kind.prefix}_`));
    expect(made.headers.get("location")).toBe(one);
    expect(made.headers.get("etag")).toBe('"1"');
    expect(read.body).toEqual(made.body);
    expect(read.headers.get("etag")).toBe('"1"');
    expect(patched.body).toMatchObject({ ...sample.patched, id: made.body.id, version: 2 });
    expect(patched.body.created_at).toBe(made.body.created_at);
    expect(put.body).toMatchObject({ ...sample.other, id: made.body.id, version: 3 });
    expect([gone.status, after.status, after.body.code]).toEqual([204, 404, "NOT_FOUND"]);
  });

  test("every field is shown, those that are not set as null or with their default", async () => {
    const { properties } = kind.input as unknown as { properties: object };

    const made = await make();

    expect(Object.keys(made)).toEqual([
      "id",
      ...Object.keys(properties),
      "version",
      "created_at",
      "updated_at",
    ]);
  });

  test("a record that is sent as it is shown, with its nulls, is taken", async () => {
    const { id, version, created_at: _, updated_at: __, ...fields } = await make();

    const put = await host.call("PUT", `${list}/${id}`, fields);

    expect([put.status, put.body.version]).toEqual([200, version]);
  });

  test("a change that changes nothing makes no version", async () => {
    const { id } = await make();

    const patched = await host.call("PATCH", `${list}/${id}`, {});
    const put = await host.call("PUT", `${list}/${id}`, sample.one);

    expect([patched.body.version, put.body.version]).toEqual([1, 1]);
  });

  test("what is refused says where, as a problem", async () => {
    const { id } = await make();
    const unknown = { body: { ...sample.one, nonsense: 1 }, pointer: "/nonsense" };
    for (const { body, pointer } of [...sample.refused, unknown]) {
      const created = await host.call("POST", list, body);
      const replaced = await host.call("PUT", `${list}/${id}`, body);

      for (const { status, headers, body: said } of [created, replaced]) {
        expect([pointer, status, said.pointer]).toEqual([pointer, 400, pointer]);
        expect(headers.get("content-type")).toContain(problem);
        expect(said).toMatchObject({ status: 400, detail: expect.any(String) });
      }
    }
    const patched = await host.call("PATCH", `${list}/${id}`, { nonsense: 1 });
    const unnamed = await host.call("PATCH", `${list}/${id}`, { name: null });
    expect([patched.status, patched.body.pointer]).toEqual([400, "/nonsense"]);
    expect([unnamed.status, unnamed.body.pointer]).toEqual([400, "/name"]);
    expect((await host.call("GET", `${list}/${id}`)).body.version).toBe(1);
  });

  test("If-Match of another version refuses every change, and of the current one none", async () => {
    const { id } = await make();
    const one = `${list}/${id}`;
    const stale = { headers: { "If-Match": '"7"' } };

    const refused = [
      await host.call("PUT", one, sample.other, stale),
      await host.call("PATCH", one, sample.patch, stale),
      await host.call("POST", `${one}/versions/1/rollback`, undefined, stale),
      await host.call("DELETE", one, undefined, stale),
      await host.call("PATCH", one, sample.patch, { headers: { "If-Match": "none" } }),
    ];
    const taken = await host.call("PATCH", one, sample.patch, { headers: { "If-Match": '"1"' } });
    const any = await host.call("PUT", one, sample.other, { headers: { "If-Match": "*" } });

    for (const { status, body } of refused) {
      expect([status, body.code]).toEqual([412, "REVISION_MISMATCH"]);
    }
    expect([taken.status, any.status]).toEqual([200, 200]);
  });

  test("of two changes from the same version one is refused", async () => {
    const { id } = await make();
    const match = { headers: { "If-Match": '"1"' } };

    const both = await Promise.all([
      host.call("PATCH", `${list}/${id}`, sample.patch, match),
      host.call("PUT", `${list}/${id}`, sample.other, match),
    ]);

    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test("an Idempotency-Key creates once, and refuses another body", async () => {
    const again = { headers: { "Idempotency-Key": `once-${path}` } };

    const both = await Promise.all([
      host.call("POST", list, sample.one, again),
      host.call("POST", list, sample.one, again),
    ]);
    const third = await host.call("POST", list, sample.one, again);
    const other = await host.call("POST", list, sample.other, again);

    expect(new Set([...both, third].map(({ body }) => body.id)).size).toBe(1);
    expect([other.status, other.body.code]).toEqual([422, "KEY_REUSED"]);
  });

  test("versions are kept, one is read, and going back makes a new one", async () => {
    const { id } = await make();
    const one = `${list}/${id}`;
    await host.call("PUT", one, sample.other);

    const back = await host.call("POST", `${one}/versions/1/rollback`);
    const versions = await host.call("GET", `${one}/versions`);
    const second = await host.call("GET", `${one}/versions/2`);
    const none = await host.call("GET", `${one}/versions/9`);
    const nonsense = await host.call("GET", `${one}/versions/x`);
    const noBack = await host.call("POST", `${one}/versions/9/rollback`);

    expect(back.body).toMatchObject({ ...sample.one, version: 3 });
    expect(back.headers.get("etag")).toBe('"3"');
    expect(versions.body.data).toMatchObject([
      { version: 3, reason: "restored", restored_from: 1, is_current: true },
      { version: 2, reason: "changed", restored_from: null, is_current: false },
      { version: 1, reason: "created", restored_from: null, is_current: false },
    ]);
    expect(second.body).toMatchObject({ ...sample.other, version: 2 });
    expect([none.status, nonsense.status, noBack.status]).toEqual([404, 404, 404]);
  });

  test("a key without the service is refused by every route", async () => {
    const { id } = await make();
    const key = await host.makeKey(["runs"]);
    const one = `${list}/${id}`;

    const answers = [
      await host.call("GET", list, undefined, { key }),
      await host.call("POST", list, sample.one, { key }),
      await host.call("GET", one, undefined, { key }),
      await host.call("PUT", one, sample.one, { key }),
      await host.call("PATCH", one, sample.patch, { key }),
      await host.call("DELETE", one, undefined, { key }),
      await host.call("GET", `${one}/versions`, undefined, { key }),
      await host.call("GET", `${one}/versions/1`, undefined, { key }),
      await host.call("POST", `${one}/versions/1/rollback`, undefined, { key }),
    ];
    const allowed = await host.call("GET", one, undefined, { key: await host.makeKey([path]) });

    for (const { status, body } of answers) {
      expect([status, body.code]).toEqual([403, "FORBIDDEN"]);
    }
    expect(allowed.status).toBe(200);
  });

  test("another tenant's record does not exist, for any route", async () => {
    const { id } = await make();
    const other = { key: host.otherKey };
    for (const of of [id, `${kind.prefix}_none`, "x"]) {
      const one = `${list}/${of}`;
      const answers = [
        await host.call("GET", one, undefined, other),
        await host.call("PUT", one, sample.one, other),
        await host.call("PATCH", one, sample.patch, other),
        await host.call("DELETE", one, undefined, other),
        await host.call("GET", `${one}/versions`, undefined, other),
        await host.call("GET", `${one}/versions/1`, undefined, other),
        await host.call("POST", `${one}/versions/1/rollback`, undefined, other),
      ];

      for (const { status, body } of answers) {
        expect([of, status, body.code]).toEqual([of, 404, "NOT_FOUND"]);
      }
    }
    expect((await host.call("GET", list, undefined, other)).body.data).toEqual([]);
  });

  test("the list gives every record once, page by page, and refuses another list's cursor", async () => {
    const made = [await make(), await make(sample.other), await make()].map(({ id }) => id);
    const whole = (await host.call("GET", `${list}?limit=100`)).body.data;
    const seen: Json[] = [];
    let cursor = "";
    for (;;) {
      const { body } = await host.call("GET", `${list}?limit=2${cursor}`);
      seen.push(...body.data);
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    const foreign = await host.call("GET", "/v2/agents?limit=1");
    const wrong = await host.call("GET", `${list}?cursor=${foreign.body.next_cursor ?? "x"}`);

    expect(seen).toEqual(whole);
    expect(whole.map(({ id }: Json) => id)).toEqual(expect.arrayContaining(made));
    expect([wrong.status, wrong.body.code]).toEqual([400, "INVALID"]);
  });
});
