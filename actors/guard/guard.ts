// What holds for one run: its chain, what that has found so far, and what looking has cost.

import { addUsage, noUsage } from "../money/spent.ts";
import type { Usage } from "../ports.ts";
import { type Finding, type GuardRef, guardrailLimits } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import { type Chain, contentOf } from "./chain.ts";
import type { Checked, CheckedAt, RunGuard } from "./guard-of.ts";
import { createPlaceholders, type Placeholders } from "./placeholders.ts";
import { checkValue } from "./values.ts";

type GuardParts = Pick<Guard, "chain" | "refs" | "own" | "meter" | "isRoot">;

/** What a run has found, whoever of those that speak in it. */
class Found {
  readonly placeholders: Placeholders = createPlaceholders();
  readonly findings: Finding[] = [];
  usage: Usage = noUsage;
  isOutputBlocked = false;
}

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
  readonly #found: Found;

  constructor({ chain, refs, own, meter, isRoot }: GuardParts, found = new Found()) {
    this.#found = found;
    this.chain = chain;
    this.refs = refs;
    this.own = own;
    this.meter = meter;
    this.isRoot = isRoot;
  }

  get placeholders(): Placeholders {
    return this.#found.placeholders;
  }
  get findings(): readonly Finding[] {
    return this.#found.findings;
  }
  /** What models have taken that judge for this run. */
  get usage(): Usage {
    return this.#found.usage;
  }
  /** Whether a part of the answer was withheld. */
  get isOutputBlocked(): boolean {
    return this.#found.isOutputBlocked;
  }

  /** The same run for another one who speaks in it: held to its own rules too. */
  speaking(own: Chain, ref: GuardRef): Guard {
    const { chain, refs, meter } = this;
    const parts = { chain: [...chain, ...own], refs: [...refs, ref], own: ref.id, meter };
    return new Guard({ ...parts, isRoot: false }, this.#found);
  }

  check<V>(value: V, where: CheckedAt, isPart = false): Checked<V> {
    const { placeholders } = this;
    const chain = isPart ? contentOf(this.chain) : this.chain;
    const verdict = checkValue(chain, value, { ...where, placeholders });
    return { ...verdict, blocked: verdict.blockedBy?.message ?? null };
  }

  /** The rules that look at what the run is asked. */
  get onInput(): Chain {
    return this.chain.filter(({ of }) => this.isRoot || of === this.own);
  }

  note(findings: readonly Finding[]): void {
    const found = this.#found;
    const room = guardrailLimits.findings - found.findings.length;
    found.findings.push(...findings.slice(0, Math.max(0, room)));
    found.isOutputBlocked ||= findings.some(
      // What has a place of its own, e.g. a choice of routing, is no part of the answer.
      ({ on, action, at }) => on === "output" && action === "block" && at === undefined,
    );
  }

  spend(usage: Usage): void {
    this.#found.usage = addUsage(this.#found.usage, usage);
  }
}
