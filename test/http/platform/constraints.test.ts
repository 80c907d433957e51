// The field `constraints` of an agent through the real door: what it may hold, that versions and packs keep
// it, and that nobody but the server says where an agent comes from.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PackDesk, startPackDesk } from "../../support/pack-desk.ts";
import type { Json } from "../../support/wire-client.ts";

let desk: PackDesk;
beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(10_000);
});
afterAll(() => desk.host.stop());

const call = (method: string, path: string, body?: unknown) => desk.host.call(method, path, body);

const whole = {
  ...{ max_runtime: 600, max_tokens: 8_000, max_cost: 0.5, max_steps: 20, max_tool_calls: 0 },
  ...{ allowed_domains: ["local", "*.example.com", "bücher.example:8443", "::1"], concurrency: 2 },
};

const made = async (more: object = {}): Promise<Json> =>
  (await call("POST", "/v2/agents", { name: "Kept within", ...more })).body;

test("constraints are shown as they were set, in each version, and null takes them away", async () => {
  const { id, constraints, origin } = await made({ constraints: whole });
  const path = `/v2/agents/${id}`;
  const without = await call("PATCH", path, { constraints: null });
  const back = await call("POST", `${path}/versions/1/rollback`);

  expect(constraints).toEqual(whole);
  expect(origin).toBeNull();
  expect(without.body.constraints).toBeNull();
  expect((await call("GET", `${path}/versions/1`)).body.constraints).toEqual(whole);
  expect(back.body).toMatchObject({ version: 3, constraints: whole, origin: null });
});

test("an exported pack has them, and applied elsewhere they are the same", async () => {
  const { id } = await made({ constraints: whole });
  const exported = await call("POST", "/v2/packs/export", { pack: "kept", ids: [id] });
  const { source } = exported.body;
  const other = source
    .replaceAll("Kept within", "Kept elsewhere")
    .replace("pack: kept", "pack: other");

  expect(source).toContain("max_tool_calls");
  expect(source).not.toContain("origin");
  const { body } = await desk.apply(other);
  const [{ id: there }] = body.pack.objects;
  expect((await call("GET", `/v2/agents/${there}`)).body.constraints).toEqual(whole);
  expect((await desk.apply(other)).body.plan.summary).toMatchObject({ unchanged: 1 });
});

const wrong: readonly (readonly [string, object, string])[] = [
  ["no time at all", { max_runtime: 0 }, "/constraints/max_runtime"],
  ["more than a day", { max_runtime: 86_401 }, "/constraints/max_runtime"],
  ["half a token", { max_tokens: 1.5 }, "/constraints/max_tokens"],
  ["a negative amount", { max_cost: -1 }, "/constraints/max_cost"],
  ["no steps", { max_steps: 0 }, "/constraints/max_steps"],
  ["negative calls", { max_tool_calls: -1 }, "/constraints/max_tool_calls"],
  ["nobody at once", { concurrency: 0 }, "/constraints/concurrency"],
  ["a name that is none of them", { max_time: 1 }, "/constraints/max_time"],
  ["a domain with a path", { allowed_domains: ["a.example/x"] }, "/constraints/allowed_domains/0"],
  ["a URL", { allowed_domains: ["ok.example", "https://a.b"] }, "/constraints/allowed_domains/1"],
  ["a star inside", { allowed_domains: ["a.*.example"] }, "/constraints/allowed_domains/0"],
  ["a user", { allowed_domains: ["me@a.example"] }, "/constraints/allowed_domains/0"],
  ["everything", { allowed_domains: ["*"] }, "/constraints/allowed_domains/0"],
];

test.each(wrong)("%s is refused, with the place of it", async (_what, constraints, pointer) => {
  const { status, body } = await call("POST", "/v2/agents", { name: "A", constraints });

  expect([status, body.code, body.errors?.[0]?.pointer ?? body.pointer]).toEqual([
    400,
    "max_time" in constraints ? "UNKNOWN_FIELD" : "INVALID",
    pointer,
  ]);
});

test("where an agent comes from is not for clients to say", async () => {
  const { id } = await made();
  const answers = [
    await call("POST", "/v2/agents", { name: "A", origin: "file" }),
    await call("PATCH", `/v2/agents/${id}`, { origin: "agents_v1" }),
    await call("PUT", `/v2/agents/${id}`, { name: "A", origin: null }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
});
