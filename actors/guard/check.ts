// A guardrail's check, compiled: what finds places in a text, in pieces too, or what judges the whole of it.

import { tokensOf } from "../answer/history.ts";
import { checkOutput } from "../answer/output-schema.ts";
import type { GuardCheck, Guardrail } from "../records/guardrail.ts";
import { guardrailLimits } from "../records/guardrail.ts";
import { INJECTION_THRESHOLD, scoreInjection } from "./injection.ts";
import { compilePattern, findsAny, patternScanner } from "./pattern-scanner.ts";
import { piiScanner } from "./pii-scanner.ts";
import type { Hit, Scanner } from "./scanner.ts";
import { wordScanner } from "./word-scanner.ts";

/** What a check of a whole text has found; `hits` [] means all of it. */
export interface Found {
  readonly reason: string;
  readonly hits: readonly Hit[];
}

/** A compiled check. */
export type CompiledCheck =
  | { readonly kind: "scanner"; readonly scanner: Scanner; readonly noun: string }
  | {
      readonly kind: "whole";
      /** Of a value that holds texts all of it is meant, as JSON, and not each of them. */
      readonly isOfAll: boolean;
      /** Null: there is nothing to find fault with. */
      find(text: string): Found | null;
    };

/** @throws Error for a pattern or a schema that cannot be used. `loadSchemas` was awaited for a schema. */
export function compileChecks(rule: Guardrail): readonly CompiledCheck[] {
  const { check } = rule;
  switch (check.type) {
    case "length":
      return [{ kind: "whole", isOfAll: true, find: (text) => lengthFault(check, text) }];
    case "pattern":
      return patternChecks(check, rule.window_chars ?? guardrailLimits.windowChars);
    case "words":
      return [{ kind: "scanner", scanner: wordScanner(check.words), noun: "word" }];
    case "pii": {
      const scanner = piiScanner(check.entities, check.phone_regions);
      return [{ kind: "scanner", scanner, noun: "personal data" }];
    }
    case "schema":
      return [{ kind: "whole", isOfAll: true, find: (text) => schemaFault(check.schema, text) }];
    // A model is asked, in a run: late.ts.
    case "judge":
      return [];
    case "injection":
      return [{ kind: "whole", isOfAll: false, find: (text) => injectionFault(check, text) }];
  }
}

type Check<T> = Extract<GuardCheck, { readonly type: T }>;

function lengthFault(check: Check<"length">, text: string): Found | null {
  const { min_chars: least, max_chars: most, max_tokens: tokens } = check;
  const fault = (reason: string): Found => ({ reason, hits: [] });
  if (least !== undefined && text.length < least) {
    return fault(`${text.length} characters, fewer than ${least}`);
  }
  if (most !== undefined && text.length > most) {
    return fault(`${text.length} characters, more than ${most}`);
  }
  if (tokens === undefined) return null;
  const counted = tokensOf(text);
  return counted > tokens ? fault(`about ${counted} tokens, more than ${tokens}`) : null;
}

function patternChecks(check: Check<"pattern">, windowChars: number): readonly CompiledCheck[] {
  const compiled = (sources: readonly string[]) =>
    sources.map((source) => compilePattern(source, check.case_sensitive ?? false));
  const { deny, allow } = check;
  const checks: CompiledCheck[] = [];
  if (allow !== undefined) {
    const programs = compiled(allow);
    const nothing = { reason: "none of the allowed patterns", hits: [] };
    checks.push({
      kind: "whole",
      isOfAll: true,
      find: (text) => (findsAny(programs, text) ? null : nothing),
    });
  }
  if (deny !== undefined) {
    const scanner = patternScanner(compiled(deny), windowChars);
    checks.push({ kind: "scanner", scanner, noun: "denied pattern" });
  }
  return checks;
}

/** What does not fit may be of the text: where and why stays with who wrote it. */
function schemaFault(schema: Check<"schema">["schema"], text: string): Found | null {
  return checkOutput(schema, text).ok ? null : { reason: "does not fit the schema", hits: [] };
}

function injectionFault({ threshold = INJECTION_THRESHOLD }: Check<"injection">, text: string) {
  const { score, signals, hits } = scoreInjection(text);
  if (score < threshold) return null;
  return {
    reason: `looks like orders to a model (${signals.join(", ")}; ${score.toFixed(2)})`,
    hits,
  };
}
