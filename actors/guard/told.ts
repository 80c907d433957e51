// What is told of findings beside the answer: a row in the audit and a count in the metrics. Neither holds
// anything of the text.

import type { RunContext } from "../../runtime/actor.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import type { Ports } from "../ports.ts";
import { type AuditRow, audit } from "../records/audit.ts";
import type { Finding, GuardCheck, GuardFigures } from "../records/guardrail.ts";
import type { Chain } from "./chain.ts";

/** Findings of one run that have rows of their own; of more, the rest is counted in one. */
export const FINDINGS_TOLD_MAX = 100;

/** An audit row of a finding, without who and when. */
export function auditedFinding(
  { rule, of, on, action, count, at }: Finding,
  check: GuardCheck["type"] | null,
): Pick<AuditRow, "action" | "subject" | "outcome" | "details"> {
  const outcome = action === "block" ? "refused" : "done";
  const details = { rule, check, on, at: at ?? null, count };
  return { action: `guardrail.${action}`, subject: of, outcome, details };
}

/** Counts findings, each by its check. */
export function countFindings(
  figures: GuardFigures | undefined,
  chain: Chain,
  findings: readonly Finding[],
): void {
  for (const finding of findings) {
    const check = checkOf(chain, finding);
    if (check !== null) figures?.found(check, finding.action);
  }
}

/** Which check of a chain a finding is of. */
export function checkOf(chain: Chain, { rule, of }: Finding): GuardCheck["type"] | null {
  return chain.find((one) => one.name === rule && one.of === of)?.check ?? null;
}

/** What one run has found, written with its end. */
export class FindingsBook {
  readonly #context: RunContext<Ports>;
  readonly #rows: ReturnType<typeof auditedFinding>[] = [];
  #more = 0;

  constructor(context: RunContext<Ports>) {
    this.#context = context;
  }

  /** @param chain whose rules have found them. */
  add(chain: Chain, findings: readonly Finding[]): void {
    if (findings.length > 0 && this.#rows.length === 0) this.#open();
    for (const finding of findings) {
      if (this.#rows.length < FINDINGS_TOLD_MAX) {
        this.#rows.push(auditedFinding(finding, checkOf(chain, finding)));
      } else this.#more += 1;
    }
  }

  #open(): void {
    const context = this.#context;
    const source = { by: "guardrail", channel: "run", run_id: rootRunOf(context.id) } as const;
    context.atEnd((turn) => {
      for (const row of this.#rows) audit(turn, { ...source, ...row });
      if (this.#more === 0) return;
      const more = { action: "guardrail.more", subject: "*", outcome: "done" } as const;
      audit(turn, { ...source, ...more, details: { run: context.id, more: this.#more } });
    });
  }
}
