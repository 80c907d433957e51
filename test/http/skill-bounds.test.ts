// Bounds of skills through the real door: the room of a tenant, versions that go, and versions of agents that
// name what is gone.

import { afterEach, expect, test } from "vitest";
import { limits } from "../../actors/limits.ts";
import { versionId } from "../../actors/records/agent-version.ts";
import type { ResourceHistory } from "../../actors/records/resource.ts";
import { skillBytesCounter, skillTables } from "../../actors/records/skill.ts";
import { type HostParts, type HttpHost, startHttpHost } from "../support/http-host.ts";
import { skillBody, skillText } from "../support/skill-files.ts";

let host: HttpHost;
const start = async (parts: HostParts = {}): Promise<void> => {
  host = await startHttpHost(parts);
};
afterEach(() => host.stop());

const list = "/v2/skills";
const create = (name: string, more = {}, body?: string) =>
  host.call("POST", list, skillBody(name, more, body));

test("a tenant's skills have the bytes that the setting says, and room again when one is deleted", async () => {
  const bytesMax = 10_000;
  await start({ skillBytesMax: bytesMax });
  const sized = (name: string, bytes: number) => {
    const left = bytes - Buffer.byteLength(skillText(name));
    return skillBody(name, { "assets/x": name.slice(0, 1).repeat(left) });
  };
  const first = await host.call("POST", list, sized("aaa", bytesMax - 1_000));

  const over = await host.call("POST", list, sized("bbb", 1_001));
  const full = await host.call("POST", list, sized("ccc", 1_000));
  const grown = await host.call("PUT", `${list}/${full.body.id}`, skillBody("ccc", {}, "More."));
  const same = await host.call("PUT", `${list}/${full.body.id}`, sized("ccc", 1_000));
  const other = await host.call("POST", list, sized("bbb", 1_001), { key: host.otherKey });
  await host.call("DELETE", `${list}/${first.body.id}`);
  const again = await host.call("POST", list, sized("bbb", 1_001));

  expect([over.status, over.body.code]).toEqual([409, "CONFLICT"]);
  expect(over.body.detail).toContain(`at most ${bytesMax} bytes`);
  expect([full.status, grown.status, same.status]).toEqual([201, 409, 200]);
  expect([other.status, again.status]).toEqual([201, 201]);
  const used = await host.system.tables.counter(host.tenant, skillBytesCounter);
  expect(used).toBe(2_001);
});

test("old versions go with the files that no kept one has, but not those that agents name", async () => {
  await start();
  const { tables } = host.system;
  const { id } = (await create("many", { "references/one.md": "One." })).body;
  const send = async (text: string) => {
    const body = skillBody("many", { "references/x.md": text });
    return (await host.call("PUT", `${list}/${id}`, body)).body.version;
  };
  expect([await send("Two."), await send("Three.")]).toEqual([2, 3]);
  const current = await tables.get(host.tenant, "skills", id);
  const { record, ...rest } = (current?.value ?? {}) as { readonly record: object };
  // As if it had been changed that often, a year and more ago.
  const last = limits.versionsKept + 19;
  const entries = Array.from({ length: last }, (_, at) => {
    return { version: at + 1, at: "2020-01-01T00:00:00.000Z", reason: "changed", servedUntilMs: 1 };
  });
  await tables.write(host.tenant, [
    {
      ...({ type: "put", table: "skills", id } as const),
      value: { ...rest, record: { ...record, version: last }, version: last },
    },
    { type: "put", table: "skills-histories", id, value: { versions: entries } },
  ]);
  const named = { name: "Desk", skills: [{ id, version: 2 }] };
  expect((await host.call("POST", "/v2/agents", named)).status).toBe(201);
  // Another one named version 3, and does no more.
  const was = { name: "Was", skills: [{ id, version: 3 }] };
  const path = `/v2/agents/${(await host.call("POST", "/v2/agents", was)).body.id}`;
  await host.call("PATCH", path, { skills: null });

  expect(await send("Newest.")).toBe(last + 1);

  const history = await tables.get(host.tenant, "skills-histories", id);
  const { versions } = (history?.value ?? {}) as ResourceHistory;
  expect(versions.slice(0, 2).map(({ version }) => version)).toEqual([2, 21]);
  const row = async (version: number) =>
    (await tables.get(host.tenant, "skills-versions", versionId(id, version))) !== undefined;
  expect([await row(1), await row(2), await row(3)]).toEqual([false, true, false]);
  const text = async (version: number) =>
    (await host.call("GET", `${list}/${id}/files?version=${version}`)).status;
  expect([await text(1), await text(2)]).toEqual([404, 200]);
  const trees = await tables.list(host.tenant, skillTables.trees, { prefix: id, limit: 10 });
  const blobs = await tables.list(host.tenant, skillTables.blobs, { prefix: id, limit: 10 });
  // SKILL.md, "Two." and "Newest.": of "One." and "Three." no kept version knows.
  expect([trees.length, blobs.length]).toEqual([2, 3]);
  const back = await host.call("POST", `${path}/versions/1/rollback`);
  expect([back.status, back.body.detail]).toEqual([400, `Skill ${id} has no version 3.`]);
});

test("an agent does not go back to a version that names a skill that is gone", async () => {
  await start();
  const { id } = (await create("gone")).body;
  const agent = (await host.call("POST", "/v2/agents", { name: "Desk", skills: [{ id }] })).body;
  const path = `/v2/agents/${agent.id}`;
  await host.call("PATCH", path, { skills: [{ id, version: 1 }] });
  await host.call("PATCH", path, { skills: null });
  expect((await host.call("DELETE", `${list}/${id}`)).status).toBe(204);

  const answers = [
    await host.call("POST", `${path}/versions/1/rollback`),
    await host.call("POST", `${path}/versions/2/rollback`),
    await host.call("PUT", `${path}/canary`, { version: 1, share: 0.5 }),
  ];

  expect(answers.map(({ status, body }) => [status, body.detail])).toEqual(
    answers.map(() => [400, `Skill ${id} does not exist.`]),
  );
  expect((await host.call("GET", path)).body).toMatchObject({ version: 3, skills: null });
});

test("what public skills say of themselves beside the format is kept and shown", async () => {
  await start();
  const head = "name: public\ndescription: Does it.\nversion: 1.10\ntags: [a, b]";
  const files = [{ path: "SKILL.md", text: `---\n${head}\nmetadata: {host: {x: y}}\n---\nDo it.` }];

  const made = await host.call("POST", list, { files });

  const other_fields = { version: "1.10", tags: ["a", "b"] };
  expect(made.body).toMatchObject({ other_fields, metadata: { host: '{"x":"y"}' } });
  expect((await host.call("GET", `${list}/${made.body.id}`)).body).toEqual(made.body);
  expect((await create("plain")).body.other_fields).toBeNull();
});
