// The report of an evaluation as one page: no script, no font, no address, so that it opens from a disk
// and from a mail, in dark and in light. Whatever models and users wrote is escaped.

import { escaped } from "../markup.ts";
import { bootstrap, signTest } from "./eval-interval.ts";
import type { EvaluationView, ResultView, SideResultView, SideView } from "./eval-views.ts";

const BINS = 10;
const [WIDTH, HEIGHT, MARGIN] = [300, 130, 28] as const;

/** The page. */
export function reportPage(of: EvaluationView, results: readonly ResultView[]): string {
  const title = escaped(of.name);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head><body>
<h1>${title}</h1><p>${aboutOf(of)}</p>
${summaryTable(of)}${comparisonOf(of, results)}${scorerTable(of)}
<h2>Distributions</h2><div class="plots">${plotsOf(of, results)}</div>
<h2>Items</h2>${results.map((result) => itemOf(result, of)).join("\n")}
</body></html>
`;
}

const STYLE = `:root{color-scheme:light dark;--text:#1f2937;--back:#fff;--line:#d1d5db;--soft:#f3f4f6;--a:#2563eb;--b:#c2410c;--good:#15803d;--bad:#b91c1c}
@media (prefers-color-scheme:dark){:root{--text:#e5e7eb;--back:#111827;--line:#374151;--soft:#1f2937;--a:#60a5fa;--b:#fb923c;--good:#4ade80;--bad:#f87171}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;margin:0 0 1.5rem}td,th{border:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}figcaption{font-weight:600}svg text{font-size:10px;fill:var(--text)}
.a{color:var(--a)}.b{color:var(--b)}.fa{fill:var(--a)}.fb{fill:var(--b)}.axis{stroke:var(--line)}
.good{color:var(--good)}.bad{color:var(--bad)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0;padding:.3rem .7rem}summary{cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.5rem;border-radius:.3rem;margin:.3rem 0}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}.sides>div{min-width:0}`;

const figure = (value: number | null, digits = 3): string =>
  value === null ? "–" : value.toFixed(digits);
const percent = (value: number | null): string =>
  value === null ? "–" : `${(100 * value).toFixed(1)} %`;
const targetOf = (of: EvaluationView, at: number): string => {
  const { name = "", version = 0, target = "" } = of.targets[at] ?? {};
  return escaped(`${name} v${version} (${target})`);
};

function aboutOf(of: EvaluationView): string {
  const left = of.skipped === 0 ? "" : `, ${of.skipped} left out`;
  const why = of.error === null ? "" : `: ${of.error.message}`;
  const text = `${of.id} over ${of.dataset_id}, ${of.created_at}: ${of.status}${why}; ${of.done} of ${of.total} items${left}, ${of.units} units. An item has passed from ${of.threshold} on.`;
  return escaped(text);
}

function summaryTable(of: EvaluationView): string {
  const rows = of.summary.map((side, at) => {
    const cells = [
      `${side.passed} of ${side.items}`,
      percent(side.pass_rate),
      figure(side.score),
      String(side.failed),
      figure(side.latency_ms, 0),
      String(side.tokens),
      String(side.units),
    ];
    const numbers = cells.map((text) => `<td class="n">${text}</td>`).join("");
    return `<tr><th class="${side.side}">${targetOf(of, at)}</th>${numbers}</tr>`;
  });
  const heads = ["", "passed", "pass rate", "score", "failed runs", "mean ms", "tokens", "units"];
  return `<table><tr>${heads.map((text) => `<th>${text}</th>`).join("")}</tr>${rows.join("")}</table>`;
}

/** Scores of both sides on the items that have them. */
export function pairsOf(results: readonly ResultView[]): readonly (readonly [number, number])[] {
  return results.flatMap(({ sides: [a, b] }) => {
    const [left, right] = [a?.score ?? null, b?.score ?? null];
    return left === null || right === null ? [] : [[left, right] as const];
  });
}

function comparisonOf(of: EvaluationView, results: readonly ResultView[]): string {
  const { comparison } = of;
  if (comparison === null) return "";
  const interval = bootstrap(pairsOf(results).map(([a, b]) => b - a));
  const chance = signTest(comparison.b, comparison.a);
  const difference =
    interval === null
      ? "No item has a score on both sides."
      : `Mean difference b − a: ${figure(interval.mean)} (95 % bootstrap interval ${figure(interval.low)} to ${figure(interval.high)}).`;
  return `<h2>Side by side</h2><table><tr><th class="b">b is better</th><th class="a">a is better</th><th>even</th></tr>
<tr><td class="n">${comparison.b}</td><td class="n">${comparison.a}</td><td class="n">${comparison.ties}</td></tr></table>
<p>${difference} Exact sign test: p = ${figure(chance)}.</p>`;
}

function scorerTable(of: EvaluationView): string {
  const names = of.summary[0]?.scorers.map(({ name }) => name) ?? [];
  const rows = names.map((name, at) => {
    const cells = of.summary.map(({ scorers }) => {
      const one = scorers[at];
      const errors = one === undefined || one.errors === 0 ? "" : `, ${one.errors} errors`;
      return `<td class="n">${figure(one?.score ?? null)} (${one?.scored ?? 0}${errors})</td>`;
    });
    return `<tr><th>${escaped(name)}</th>${cells.join("")}</tr>`;
  });
  const heads = of.summary.map(({ side }) => `<th class="${side}">${side}</th>`).join("");
  return `<h2>By scorer</h2><table><tr><th>mean (items)</th>${heads}</tr>${rows.join("")}</table>`;
}

function plotsOf(of: EvaluationView, results: readonly ResultView[]): string {
  const sides = of.summary.map(({ side }) => side);
  const valuesOf = (read: (side: SideResultView) => number | null) =>
    sides.map((_, at) =>
      results.flatMap((result) => {
        const side = result.sides[at];
        const value = side === undefined ? null : read(side);
        return value === null ? [] : [value];
      }),
    );
  const most = (all: readonly (readonly number[])[]): number => Math.max(...all.flat(), 0) || 1;
  const scores = valuesOf(({ score }) => score);
  const times = valuesOf(({ latency_ms }) => latency_ms);
  const units = valuesOf((side) => side.units);
  const names = of.summary[0]?.scorers.map(({ name }) => name) ?? [];
  const byScorer = names.map((name) => {
    const values = valuesOf(
      ({ scores: all }) => all.find(({ scorer }) => scorer === name)?.score ?? null,
    );
    return histogram(`Score: ${name}`, values, 1, "");
  });
  return [
    histogram("Score", scores, 1, ""),
    ...(names.length > 1 ? byScorer : []),
    histogram("Latency", times, most(times), "ms"),
    histogram("Cost", units, most(units), "units"),
  ].join("");
}

/** Counts in bins from 0 to `most`, the sides beside each other. */
function histogram(
  title: string,
  sides: readonly (readonly number[])[],
  most: number,
  unit: string,
): string {
  const counts = sides.map((values) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const value of values) {
      const at = Math.min(BINS - 1, Math.floor((value / most) * BINS));
      bins[at] = (bins[at] ?? 0) + 1;
    }
    return bins;
  });
  const highest = Math.max(1, ...counts.flat());
  const [step, base] = [(WIDTH - MARGIN) / BINS, HEIGHT - 18];
  const wide = (step - 3) / sides.length;
  const bars = counts.flatMap((bins, side) =>
    bins.map((count, at) => {
      if (count === 0) return "";
      const tall = (count / highest) * (base - 12);
      const x = MARGIN + at * step + side * wide;
      const [from, to] = [at, at + 1].map((edge) => shown((edge / BINS) * most));
      const place = `x="${x.toFixed(1)}" y="${(base - tall).toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}"`;
      return `<rect ${place} class="${side === 0 ? "fa" : "fb"}"><title>${from} to ${to}: ${count}</title></rect>`;
    }),
  );
  const ticks = [0, 0.5, 1].map((at) => {
    const x = MARGIN + at * (WIDTH - MARGIN);
    const anchor = at === 0 ? "start" : at === 1 ? "end" : "middle";
    return `<text x="${x}" y="${HEIGHT - 4}" text-anchor="${anchor}">${shown(at * most)} ${at === 1 ? unit : ""}</text>`;
  });
  const label = escaped(title);
  return `<figure><figcaption>${label}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${label}">
<line x1="${MARGIN}" y1="${base}" x2="${WIDTH}" y2="${base}" class="axis"/><text x="${MARGIN - 4}" y="16" text-anchor="end">${highest}</text>${bars.join("")}${ticks.join("")}</svg></figure>`;
}

const shown = (value: number): string => String(Number(value.toPrecision(3)));

function itemOf({ index, item, sides }: ResultView, of: EvaluationView): string {
  const marks = sides.map(({ side, score, passed }) => {
    const tone = passed ? "good" : "bad";
    return `<span class="${side}">${side}</span> <span class="${tone}">${figure(score)} ${passed ? "passed" : "not passed"}</span>`;
  });
  const messages = item?.messages ?? [];
  const last = messages.at(-1)?.content ?? JSON.stringify(item?.input ?? null);
  const head = `${index + 1}. ${last.slice(0, 100)}`;
  const said = messages.map(({ role, content }) => `${role}: ${content}`).join("\n\n") || last;
  const expected = JSON.stringify(item?.expected ?? null, null, 1);
  const tags = (item?.tags ?? []).join(", ");
  return `<details id="item-${index + 1}"><summary>${escaped(head)} ${marks.join(" ")}</summary>
<pre>${escaped(said)}</pre>${tags === "" ? "" : `<p>Tags: ${escaped(tags)}</p>`}<p>Expected:</p><pre>${escaped(expected)}</pre>
<div class="sides">${sides.map((side, at) => sideOf(side, targetOf(of, at))).join("")}</div></details>`;
}

function sideOf(one: SideResultView, target: string): string {
  const answer =
    one.error === null
      ? `<pre>${escaped(one.answer)}</pre>`
      : `<p class="bad">${escaped(`${one.error.code}: ${one.error.message}`)}</p>`;
  const scores = one.scores.map(({ scorer, score, reason, error }) => {
    const value = error === true ? "error" : figure(score);
    return `<tr><th>${escaped(scorer)}</th><td class="n">${value}</td><td>${escaped(reason)}</td></tr>`;
  });
  const by = one.routing === null ? "" : `, answered by ${one.routing.action_name}`;
  const about = `${one.run_id ?? "no run"}${by}, ${figure(one.latency_ms, 0)} ms, ${one.units} units`;
  return `<div><h3 class="${one.side}">${target}</h3>${answer}<p>${escaped(about)}</p><table>${scores.join("")}</table></div>`;
}

/** The last line that the command prints. */
export function lineOf(of: EvaluationView): string {
  const sides = of.summary.map(
    ({ side, passed, items, score }: SideView) =>
      `${side} ${passed}/${items} passed, score ${figure(score)}`,
  );
  const { comparison } = of;
  const better =
    comparison === null
      ? ""
      : `; b better ${comparison.b}, a better ${comparison.a}, even ${comparison.ties}`;
  return `${of.id} ${of.status}: ${sides.join("; ")}${better}; ${of.units} units`;
}
