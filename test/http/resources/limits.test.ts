// Bounds of resources through the real door: records of a kind, and versions of a record.

import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import { promptKind } from "../../../actors/records/prompt.ts";
import type { ResourceHistory } from "../../../actors/records/resource.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const list = "/v2/prompts";
const make = async (name: string, template = "x") => host.call("POST", list, { name, template });

test("a tenant has at most so many records of a kind, and room again when one is removed", async () => {
  const { tables } = host.system;
  const one = await make("One");
  const delta = promptKind.max - (await tables.counter(host.tenant, "prompts"));
  await tables.write(host.tenant, [{ type: "add", counter: "prompts", delta }]);

  const refused = await make("Two");
  const other = await host.call("POST", list, { name: "O", template: "x" }, { key: host.otherKey });
  await host.call("DELETE", `${list}/${one.body.id}`);
  const taken = await make("Three");

  await tables.write(host.tenant, [{ type: "add", counter: "prompts", delta: -delta }]);
  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  expect(refused.body.detail).toContain(`at most ${promptKind.max} prompts`);
  expect([other.status, taken.status]).toEqual([201, 201]);
});

test("old versions go a slice at a time, but not those that other records name", async () => {
  const { tables } = host.system;
  const { id } = (await make("Kept")).body;
  const current = await tables.get(host.tenant, "prompts", id);
  const { record } = (current?.value ?? {}) as { readonly record: object };
  const last = limits.versionsKept + 19;
  const row = (version: number) => ({ record: { ...record, version }, version });
  const entries = Array.from({ length: last }, (_, at) => {
    return { version: at + 1, at: "2026-01-01T00:00:00.000Z", reason: "changed" };
  });
  await tables.write(host.tenant, [
    { type: "put", table: "prompts", id, value: row(last) },
    { type: "put", table: "prompts-histories", id, value: { versions: entries } },
    ...[1, 2, 3, last].map((version) => {
      const value = row(version);
      return {
        ...({ type: "put", table: "prompts-versions" } as const),
        ...{ id: versionId(id, version), value },
      };
    }),
  ]);
  await make("Names it", `{{> ${id}@2}}`);

  const changed = await host.call("PATCH", `${list}/${id}`, { template: "y" });

  const history = await tables.get(host.tenant, "prompts-histories", id);
  const { versions } = (history?.value ?? {}) as ResourceHistory;
  const kept = async (version: number): Promise<number> =>
    (await host.call("GET", `${list}/${id}/versions/${version}`)).status;
  expect(changed.body.version).toBe(last + 1);
  expect(versions).toHaveLength(limits.versionsKept + 1);
  expect(versions.slice(0, 2).map(({ version }) => version)).toEqual([2, 21]);
  expect([await kept(1), await kept(2), await kept(3)]).toEqual([404, 200, 404]);
});
