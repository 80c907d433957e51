// Takes the operator's chain anew while the server runs: when its file changes, or at SIGHUP. Rules that are
// wrong leave those that hold in place, and are told once; runs that have begun stay under theirs.

import { systemTenant } from "../actors/records/api-key.ts";
import type { Guardrail } from "../actors/records/guardrail.ts";
import type { Log } from "../runtime/log.ts";
import type { Tables } from "../runtime/system.ts";
import { byServer } from "./audit/act.ts";
import { auditWrites } from "./audit/audit-writes.ts";
import { lookAgain } from "./file-looks.ts";
import { operatorChainOf } from "./guardrails-file.ts";

/** What it works with. */
export interface GuardrailsRenewalOptions {
  readonly file: string;
  /** Those that hold, as they were read at the start. */
  readonly rules: readonly Guardrail[];
  /** From now on these. */
  readonly set: (rules: readonly Guardrail[]) => void;
  readonly log: Log;
  readonly tables: Pick<Tables, "write">;
}

/** Begins to look. @returns what ends it. */
export function keepOperatorChain(options: GuardrailsRenewalOptions): () => void {
  const { file, set, log, tables } = options;
  let held = options.rules;
  let complaint = "";
  const renew = async (): Promise<void> => {
    const problems: string[] = [];
    const next = await operatorChainOf(file, "", problems);
    const wrong = problems.join("\n");
    if (wrong !== "" && wrong !== complaint) {
      log.write("error", `The operator's guardrails are kept, the new ones cannot hold: ${wrong}`);
    }
    complaint = wrong;
    if (wrong !== "" || JSON.stringify(next) === JSON.stringify(held)) return;
    const [before, after] = [{ guardrails: held }, { guardrails: next }];
    const what = { action: "guardrails.reload", subject: "operator", before, after };
    await tables.write(systemTenant, auditWrites(byServer, what));
    set(next);
    held = next;
    log.write("warn", "Other guardrails of the operator hold.", { file, rules: next.length });
  };
  const look = async (): Promise<void> => {
    try {
      await renew();
    } catch (error) {
      log.write("error", "The operator's guardrails could not be read anew.", { file, err: error });
    }
  };
  return lookAgain(look, () => {
    complaint = "";
  });
}
