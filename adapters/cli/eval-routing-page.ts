// The page of a routing evaluation: reliability, threshold curve, confusion, collisions.

import { curvePlot, escaped, matrixPlot, page, reliabilityPlot, tableOf } from "./eval-plots.ts";
import type { Outcome } from "./eval-router.ts";
import { figureRows, type RoutingReport, sharedBy } from "./eval-routing-words.ts";

/** Labels that fit a readable matrix; the most confused ones are shown. */
const MATRIX_LABELS = 60;
const STEPS = 50;
const NOBODY = "(nobody)";

/** The page. */
export function routingPage(report: RoutingReport): string {
  const { file, from, figures, collisions, outcomes } = report;
  const rows = collisions.flatMap(({ wanted, got, count, messages }) =>
    messages.map((message, at) => [
      at === 0 ? `${wanted} -> ${got}` : "",
      at === 0 ? String(count) : "",
      message.text,
      message.score.toFixed(2),
      sharedBy({ ...message, wanted, got }).join(" | "),
    ]),
  );
  return page(
    `Routing of ${file}`,
    [
      `<p>${escaped(from)}</p>`,
      tableOf(["figure", "value"], figureRows(figures)),
      reliabilityPlot(figures.bins),
      thresholdCurve(outcomes, figures.threshold),
      confusion(outcomes),
      "<h2>What collides</h2>",
      tableOf(["wanted -> got", "times", "message", "confidence", "nearest texts"], rows),
    ].join("\n"),
  );
}

/** What each threshold would keep, get right and refuse. */
function thresholdCurve(outcomes: readonly Outcome[], mark: number): string {
  const inside = outcomes.filter(({ label }) => label !== null);
  const outside = outcomes.filter(({ label }) => label === null);
  const steps = Array.from({ length: STEPS + 1 }, (_, at) => at / STEPS);
  const curve = (shareAt: (threshold: number) => number): (readonly [number, number])[] =>
    steps.map((step) => [step, shareAt(step)] as const);
  const share = (some: readonly Outcome[], all: readonly Outcome[]): number =>
    all.length === 0 ? 1 : some.length / all.length;
  const right = curve((least) => {
    const kept = outcomes.filter(({ score }) => score >= least);
    return share(
      kept.filter(({ best, label }) => label !== null && best === label),
      kept,
    );
  });
  const kept = curve((least) =>
    share(
      inside.filter(({ score }) => score >= least),
      inside,
    ),
  );
  const refused = curve((least) =>
    share(
      outside.filter(({ score }) => score < least),
      outside,
    ),
  );
  return curvePlot(
    "Threshold",
    ["threshold", "share"],
    [
      { name: "right among the kept", colour: "#16a34a", points: right },
      { name: "kept of those in scope", colour: "#2563eb", points: kept },
      ...(outside.length === 0
        ? []
        : [{ name: "refused of those out of scope", colour: "#dc2626", points: refused }]),
    ],
    mark,
  );
}

function confusion(outcomes: readonly Outcome[]): string {
  const wrong = new Map<string, number>();
  for (const { label, best } of outcomes) {
    if (best === label) continue;
    for (const one of [label ?? NOBODY, best ?? NOBODY]) wrong.set(one, (wrong.get(one) ?? 0) + 1);
  }
  const all = [
    ...new Set(outcomes.flatMap(({ label, best }) => [label ?? NOBODY, best ?? NOBODY])),
  ];
  const labels = all
    .sort((a, b) => (wrong.get(b) ?? 0) - (wrong.get(a) ?? 0) || a.localeCompare(b))
    .slice(0, MATRIX_LABELS);
  const place = new Map(labels.map((label, at) => [label, at]));
  const counts = labels.map(() => labels.map(() => 0));
  for (const { label, best } of outcomes) {
    const row = counts[place.get(label ?? NOBODY) ?? -1];
    const column = place.get(best ?? NOBODY);
    if (row !== undefined && column !== undefined) row[column] = (row[column] ?? 0) + 1;
  }
  const some = all.length > labels.length ? ` (the ${labels.length} most confused)` : "";
  return matrixPlot(`Confusion${some}: rows wanted, columns chosen`, labels, counts);
}
