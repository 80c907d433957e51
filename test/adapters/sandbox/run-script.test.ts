// Scripts in the sandbox: arguments in, a result or calls out, the same each time.

import fc from "fast-check";
import { expect, test } from "vitest";
import { runScript } from "../../../adapters/sandbox/run-script.ts";
import { runBody, SCRIPT_NOW_MS, scriptRequest } from "../../support/scripts.ts";

test("JSON goes in and comes out as it is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
      const plain = JSON.parse(JSON.stringify(value), (key, one) =>
        key === "__proto__" ? undefined : one,
      ) as unknown;

      const outcome = await runBody("return args;", { args: plain });

      expect(outcome).toEqual({ type: "done", value: plain, logs: [] });
    }),
    { numRuns: 60 },
  );
});

test("a script waits for tools by ending with what it wants, and is run anew with what they gave", async () => {
  const body = `
    const [one, two] = await Promise.all([host.call("granted", { n: 1 }), host.tools.granted({ n: 2 })]);
    try { await host.call("granted", { n: one + two }); }
    catch (error) { host.log("failed", error.code, error.message); return one + two; }`;
  const calls = [1, 2].map((n) => ({ name: "granted", arguments: JSON.stringify({ n }) }));

  expect(await runBody(body)).toEqual({ type: "calls", calls, logs: [] });

  const answers = calls.map((call, at) => ({ ...call, value: 10 * (at + 1) }));
  const third = { name: "granted", arguments: '{"n":30}' };
  expect(await runBody(body, { answers })).toEqual({ type: "calls", calls: [third], logs: [] });

  const error = { code: "FORBIDDEN", message: "Not you." };
  const last = [...answers, { ...third, value: null, error }];
  expect(await runBody(body, { answers: last })).toEqual({
    ...{ type: "done", value: 30, logs: ["failed FORBIDDEN Not you."] },
  });
});

test("a script that asks something else than when it was asked is told to have changed", async () => {
  const answers = [{ name: "granted", arguments: '{"n":1}', value: 1 }];

  const outcome = await runBody(
    "try { return await host.call('granted', { n: 2 }); } catch { return 'went on'; }",
    { answers },
  );

  expect(outcome).toMatchObject({ message: expect.stringContaining("the script has changed") });
});

test("clocks stand still and dice are the same each time", async () => {
  const body = `
    const began = Date.now();
    for (let at = 0; at < 1e5; at += 1);
    return [Date.now() - began, new Date().toISOString(), new Date(0).constructor.now(), Date().slice(-15),
      new Date(2020, 0).getFullYear(), Math.random(), Math.random()];`;

  const [first, again, other] = await Promise.all([
    runBody(body),
    runBody(body),
    runBody(body, { seed: 8 }),
  ]);

  const { value } = first as { readonly value: readonly unknown[] };
  const at = new Date(SCRIPT_NOW_MS);
  expect(value.slice(0, 5)).toEqual([0, at.toISOString(), SCRIPT_NOW_MS, expect.any(String), 2020]);
  expect(value[5]).not.toBe(value[6]);
  expect(again).toEqual(first);
  expect((other as { readonly value: readonly unknown[] }).value[5]).not.toBe(value[5]);
});

test("what is wrong is told with its line and column", async () => {
  const unfinished = await runScript(scriptRequest("const a = 1;\nconst b = ;\n"));
  const thrown = await runScript(
    scriptRequest("export default (args) => {\n  return args.a.b;\n};\n"),
  );
  const none = await runScript(scriptRequest("export const name = 1;"));

  expect(unfinished).toMatchObject({
    ...{ type: "failed", code: "SCRIPT_FAILED" },
    message: expect.stringMatching(/^SyntaxError: .*\(line 2, column 11\)$/),
  });
  expect(thrown).toMatchObject({
    message: expect.stringMatching(/^TypeError: .*\(line 2, column \d+\)$/),
  });
  expect(none).toMatchObject({ message: expect.stringContaining("no default export") });
});

test("arguments that do not fit into its memory fail the call", async () => {
  const outcome = await runBody("return 1;", { args: "x".repeat(1_500_000), memoryMb: 1 });

  expect(outcome).toMatchObject({ type: "failed", code: "TASK_MEMORY" });
});
