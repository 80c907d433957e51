// A routing evaluation in words: what the terminal prints and the page shows.

import type { Collision, Outcome, RoutingFigures } from "./eval-router.ts";

/** Everything an evaluation found. */
export interface RoutingReport {
  readonly file: string;
  readonly from: string;
  readonly figures: RoutingFigures;
  readonly collisions: readonly Collision[];
  readonly outcomes: readonly Outcome[];
}

const percent = (share: number): string =>
  Number.isNaN(share) ? "-" : `${(100 * share).toFixed(1)} %`;
const decimals = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(3));

/** The figures as lines of a name and a value. */
export function figureRows(figures: RoutingFigures): [string, string][] {
  return [
    ["messages (meant for nobody)", `${figures.messages} (${figures.outOfScope})`],
    ["accuracy, nothing rejected", percent(figures.accuracy)],
    ["macro F1", decimals(figures.macroF1)],
    [
      `right where it is sure (threshold ${figures.threshold})`,
      percent(figures.precisionAtThreshold),
    ],
    ["out-of-scope recall", percent(figures.outOfScopeRecall)],
    ["false rejects", percent(figures.falseRejects)],
    ["out-of-scope AUROC", decimals(figures.auroc)],
    [
      "calibration error (ECE), all / in scope",
      `${decimals(figures.calibrationError)} / ${decimals(figures.calibrationErrorInScope)}`,
    ],
    ["turns that would need a model call", percent(figures.modelShare)],
    ["latency p50 / p99", `${figures.p50Us.toFixed(0)} / ${figures.p99Us.toFixed(0)} us`],
  ];
}

/** What two sub-agents share on a message, in words. */
export function sharedBy({
  forGot,
  got,
  forWanted,
  wanted,
}: {
  readonly forGot: Collision["messages"][number]["forGot"];
  readonly forWanted: Collision["messages"][number]["forWanted"];
  readonly got: string;
  readonly wanted: string;
}): string[] {
  const side = (label: string, of: typeof forGot): string => {
    const keywords = of.keywords.length === 0 ? "" : `keywords ${of.keywords.join(", ")}; `;
    const near =
      of.nearest === null ? "nothing like it" : `"${of.nearest.text}" (${of.nearest.similarity})`;
    return `${label}: ${keywords}nearest ${near}`;
  };
  return [side(got, forGot), side(wanted, forWanted)];
}
