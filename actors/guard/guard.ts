// What holds for one run: its chain, what that has found so far, and what looking has cost.

import { noUsage } from "../money/spent.ts";
import type { Usage } from "../ports.ts";
import { type Finding, type GuardRef, guardrailLimits } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import type { Chain } from "./chain.ts";
import type { Checked, CheckedAt, RunGuard } from "./guard-of.ts";
import { createPlaceholders, type Placeholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

type GuardParts = Pick<Guard, "chain" | "refs" | "own" | "meter" | "isRoot">;

/** The chain of a run, and what it has found. */
export class Guard implements RunGuard {
  readonly chain: Chain;
  /** Who has them: children are held to the same. */
  readonly refs: readonly GuardRef[];
  /** Who answers, if these rules have not been looked at for what it is asked. */
  readonly own: string | null;
  readonly meter: Meter;
  /** Whether what it is asked is a user's, and no part of another run. */
  readonly isRoot: boolean;
  readonly placeholders: Placeholders = createPlaceholders();
  readonly findings: Finding[] = [];
  /** What models have taken that judge for this run. */
  usage: Usage = noUsage;
  /** Whether a part of the answer was withheld. */
  isOutputBlocked = false;

  constructor({ chain, refs, own, meter, isRoot }: GuardParts) {
    this.chain = chain;
    this.refs = refs;
    this.own = own;
    this.meter = meter;
    this.isRoot = isRoot;
  }

  check<V>(value: V, where: CheckedAt): Checked<V> {
    const { placeholders } = this;
    const verdict = checkValue(this.chain, value, { ...where, placeholders });
    return { ...verdict, blocked: verdict.blockedBy?.message ?? null };
  }

  /** The rules that look at what the run is asked. */
  get onInput(): Chain {
    return this.chain.filter(({ of }) => this.isRoot || of === this.own);
  }
  note(findings: readonly Finding[]): void {
    const room = guardrailLimits.findings - this.findings.length;
    this.findings.push(...findings.slice(0, Math.max(0, room)));
    this.isOutputBlocked ||= findings.some(
      ({ on, action }) => on === "output" && action === "block",
    );
  }
}
