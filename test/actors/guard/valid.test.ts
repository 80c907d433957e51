// Which rules make sense: every check with every action at every place.

import { expect, test } from "vitest";
import { checkGuardrails } from "../../../actors/guard/valid.ts";
import type { GuardAction, GuardCheck, GuardPlace } from "../../../actors/records/guardrail.ts";

const checks: Readonly<Record<string, GuardCheck>> = {
  length: { type: "length", max_chars: 10 },
  deny: { type: "pattern", deny: ["a"] },
  allow: { type: "pattern", allow: ["a"] },
  words: { type: "words", words: ["a"] },
  pii: { type: "pii" },
  injection: { type: "injection" },
  schema: { type: "schema", schema: { type: "object" } },
  judge: { type: "judge", policy: "None." },
};
const actions: readonly GuardAction[] = ["block", "redact", "flag", "ask"];
const places: readonly GuardPlace[] = [
  ...(["input", "tool_arguments", "tool_results", "retrieved", "output"] as const),
];
/** Those that find no place in a text: nothing of it can be redacted. */
const wholes = ["length", "allow", "schema", "judge"];

const table = Object.keys(checks).flatMap((check) =>
  actions.flatMap((action) => places.map((on) => [check, action, on] as const)),
);

test.each(table)("%s with the action %s on %s is taken, or refused at its place", async (...of) => {
  const [name, action, on] = of;
  const check = checks[name];
  if (check === undefined) throw new Error(`There is no check ${name}.`);
  const asksSomebody = name === "judge" || action === "ask";
  const isNoPassage = on === "retrieved" && (asksSomebody || name === "schema");
  const isNoPlace = action === "redact" && wholes.includes(name);
  const pointer = isNoPassage ? "/guardrails/1/on" : isNoPlace ? "/guardrails/1/action" : null;
  const first = { on: ["input"] as const, check: { type: "pii" }, action: "flag" } as const;

  const outcome = await checkGuardrails([
    { ...first, on: ["input"] },
    { on: [on], check, action },
  ])
    .then(() => null)
    .catch((error: { code: string; message: string; details: { pointer: string } }) => error);

  expect(outcome?.details.pointer ?? null).toBe(pointer);
  if (outcome === null) return;
  expect(outcome.code).toBe("INVALID");
  expect(outcome.message).toMatch(
    isNoPassage ? /retrieved.*ask nobody/ : /no place in it to redact/,
  );
});
