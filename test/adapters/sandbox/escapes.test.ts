// The sandbox against what is known to break sandboxes: nothing reaches the host, and who takes too much loses its
// own call.

import { expect, test } from "vitest";
import { runScript } from "../../../adapters/sandbox/run-script.ts";
import { type Escape, granting, reaching } from "../../support/script-escapes.ts";
import { exhausting, trapping } from "../../support/script-traps.ts";
import { runBody, scriptRequest } from "../../support/scripts.ts";

const MESSAGE_CHARS_MAX = 2_200;

async function tryOut({ body, code, gives, fails, timeoutMs }: Escape): Promise<void> {
  const more = timeoutMs === undefined ? {} : { timeoutMs };
  const outcome = await (code === undefined
    ? runBody(body ?? "", more)
    : runScript(scriptRequest(code, more)));

  const said = JSON.stringify(outcome);
  if (fails === undefined) expect(outcome, said).toMatchObject({ type: "done", value: gives });
  else if (typeof fails === "string") {
    expect(outcome, said).toMatchObject({ type: "failed", code: fails });
  } else
    expect(outcome, said).toMatchObject({ type: "failed", message: expect.stringMatching(fails) });
  expect(said).not.toContain("__proto__");
  if (outcome.type === "failed") {
    expect(outcome.message.length).toBeLessThan(MESSAGE_CHARS_MAX);
    expect(outcome.message).not.toMatch(/file:|\/dist\/|node_modules/);
  }
  const chars = outcome.logs.reduce((sum, line) => sum + line.length, 0);
  expect(chars).toBeLessThanOrEqual(10_000);
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  expect(({} as { readonly taken?: unknown }).taken).toBeUndefined();
}

test.each(reaching)("no way to the host: $name", tryOut);
test.each(granting)("no call that was not granted: $name", tryOut);
test.each(trapping)("what is handed over is data: $name", tryOut);
test.each(exhausting)("who takes too much loses its own call: $name", tryOut);

test("there are sixty attempts at least", () => {
  const all = [...reaching, ...granting, ...trapping, ...exhausting];

  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(60);
});

test("nothing of one script is there in the next", async () => {
  await runBody("globalThis.left = 1; Object.prototype.left = 1; Math.max = () => 7;");

  expect(await runBody("return [typeof left, ({}).left ?? null, Math.max(1, 2)];")).toMatchObject({
    value: ["undefined", null, 2],
  });
});

test("a name that the host's own text repeats is no grant", async () => {
  const outcome = await runBody("return await host.call('granted\\u0000other', {});");

  expect(outcome).toMatchObject({
    type: "failed",
    message: expect.stringContaining("not granted"),
  });
});
