// A chain of guardrails in a JSON file: the operator's, which holds for all tenants, and those that
// `troupe eval guard` measures.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { checkGuardrails } from "../actors/guard/valid.ts";
import { type Guardrail, guardrails } from "../actors/records/guardrail.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { loadValidator, validate } from "./http/validate.ts";

/** Reads one: a list, or an object with `guardrails`. @throws NOT_FOUND, INVALID, UNKNOWN_FIELD. */
export async function readGuardrails(file: string): Promise<readonly Guardrail[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RuntimeError("NOT_FOUND", `There is no file ${file}.`, {}, { cause });
  });
  const value = parsed(text, file);
  const rules = Array.isArray(value) ? value : (value as { guardrails?: unknown })?.guardrails;
  await loadValidator();
  validate(guardrails, rules);
  await checkGuardrails(rules as readonly Guardrail[], "");
  return rules as readonly Guardrail[];
}

/** The operator's chain as the settings name it; [] for none. What is wrong with it is a problem. */
export async function operatorChainOf(
  named: string,
  folder: string,
  problems: string[],
): Promise<readonly Guardrail[]> {
  const file = resolve(folder, named);
  try {
    const rules = await readGuardrails(file);
    const asking = rules.findIndex(({ action }) => action === "ask");
    if (asking === -1) return rules;
    // People of the tenant would decide about the rule that holds for the tenant.
    problems.push(`guardrails_file: /${asking}/action: a rule of the operator asks nobody`);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { pointer } = error.details as { readonly pointer?: string };
    problems.push(
      `guardrails_file: ${pointer === undefined ? "" : `${pointer}: `}${error.message}`,
    );
  }
  return [];
}

function parsed(text: string, file: string): unknown {
  let failure: unknown;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    failure = cause;
  }
  throw new RuntimeError("INVALID", `${file} is not JSON.`, {}, { cause: failure });
}
