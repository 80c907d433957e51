// Plots of an evaluation as SVG in one HTML page without scripts, fonts or addresses: it opens from a
// disk and from a mail.

import { BINS, type Bin } from "./eval-measures.ts";

/** A line of a curve: a name, a colour and points in 0..1. */
export interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const SIZE = 320;
const MARGIN = 42;
const COLOURS = { own: "#2563eb", ideal: "#9ca3af", grid: "#e5e7eb", text: "#374151" } as const;

/** Text as it may stand in HTML. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

const x = (value: number): string => (MARGIN + value * SIZE).toFixed(1);
const y = (value: number): string => (12 + (1 - value) * SIZE).toFixed(1);

function frame(title: string, axes: readonly [string, string], inner: string, legend = ""): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1]
    .map(
      (at) =>
        `<line x1="${x(at)}" y1="${y(0)}" x2="${x(at)}" y2="${y(1)}" stroke="${COLOURS.grid}"/>` +
        `<line x1="${x(0)}" y1="${y(at)}" x2="${x(1)}" y2="${y(at)}" stroke="${COLOURS.grid}"/>` +
        `<text x="${x(at)}" y="${SIZE + 28}" text-anchor="middle">${at}</text>` +
        `<text x="${MARGIN - 6}" y="${y(at)}" text-anchor="end" dy="4">${at}</text>`,
    )
    .join("");
  const width = SIZE + MARGIN + 16;
  const height = SIZE + 56;
  return (
    `<figure><figcaption>${escaped(title)}</figcaption>${legend}<svg viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">${ticks}${inner}` +
    `<text x="${x(0.5)}" y="${SIZE + 46}" text-anchor="middle">${escaped(axes[0])}</text>` +
    `<text transform="translate(11 ${y(0.5)}) rotate(-90)" text-anchor="middle">${escaped(axes[1])}</text>` +
    "</svg></figure>"
  );
}

/** Share of right ones over probability; a bar's tone says how many messages it stands for. */
export function reliabilityPlot(bins: readonly Bin[]): string {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const bars = bins
    .filter(({ count }) => count > 0)
    .map((bin) => {
      const tone = (0.25 + 0.75 * Math.sqrt(bin.count / most)).toFixed(2);
      const top = 12 + (1 - bin.accuracy) * SIZE;
      const title = `${bin.count} messages, said ${bin.probability.toFixed(2)}, right ${bin.accuracy.toFixed(2)}`;
      return (
        `<rect x="${x(bin.from)}" y="${top.toFixed(1)}" width="${(SIZE / BINS - 2).toFixed(1)}" ` +
        `height="${(bin.accuracy * SIZE).toFixed(1)}" fill="${COLOURS.own}" fill-opacity="${tone}">` +
        `<title>${title}</title></rect>`
      );
    })
    .join("");
  const ideal = `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="${COLOURS.ideal}" stroke-dasharray="4 4"/>`;
  return frame("Reliability", ["confidence", "share that was right"], bars + ideal);
}

/** Curves over a common axis, with a vertical mark. */
export function curvePlot(
  title: string,
  axes: readonly [string, string],
  curves: readonly Curve[],
  mark?: number,
): string {
  const lines = curves
    .map(({ colour, points }) => {
      const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(" ");
      return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`;
    })
    .join("");
  const names = curves.map(
    ({ name, colour }) => `<span><i style="background:${colour}"></i>${escaped(name)}</span>`,
  );
  const at =
    mark === undefined
      ? ""
      : `<line x1="${x(mark)}" y1="${y(0)}" x2="${x(mark)}" y2="${y(1)}" stroke="${COLOURS.text}" stroke-dasharray="2 3"/>`;
  return frame(title, axes, lines + at, `<div class="legend">${names.join("")}</div>`);
}

/** A matrix of counts: rows are what was wanted, columns what was chosen. */
export function matrixPlot(
  title: string,
  labels: readonly string[],
  counts: readonly (readonly number[])[],
): string {
  const cell = Math.max(13, Math.min(28, Math.floor(560 / Math.max(1, labels.length))));
  const left = 190;
  const most = Math.max(1, ...counts.map((row) => Math.max(0, ...row)));
  const cells = counts
    .flatMap((row, at) =>
      row.map((count, column) => {
        if (count === 0) return "";
        const colour = at === column ? "#16a34a" : "#dc2626";
        const name = `${labels[at] ?? ""} -> ${labels[column] ?? ""}: ${count}`;
        return (
          `<rect x="${left + column * cell}" y="${at * cell}" width="${cell - 1}" height="${cell - 1}" ` +
          `fill="${colour}" fill-opacity="${(0.15 + 0.85 * Math.sqrt(count / most)).toFixed(2)}">` +
          `<title>${escaped(name)}</title></rect>`
        );
      }),
    )
    .join("");
  const names = labels
    .map(
      (label, at) =>
        `<text x="${left - 6}" y="${at * cell + cell / 2 + 4}" text-anchor="end">${escaped(label.slice(0, 28))}</text>`,
    )
    .join("");
  const width = left + labels.length * cell + 4;
  const height = labels.length * cell + 4;
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${cells}${names}</svg></figure>`;
}

/** A table of texts. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join("")}</tr>`;
  return `<table>${cells("th", header)}${rows.map((row) => cells("td", row)).join("")}</table>`;
}

/** A whole page. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>
body{font:14px/1.5 system-ui,sans-serif;color:${COLOURS.text};margin:2rem;max-width:75rem}
figure{display:inline-block;margin:0 1.5rem 1.5rem 0;vertical-align:top}figcaption{font-weight:600}
svg text{font-size:11px;fill:${COLOURS.text}}.legend{font-size:11px;display:flex;gap:1rem}
.legend i{display:inline-block;width:1em;height:.25em;margin-right:.4em;vertical-align:middle}
table{border-collapse:collapse;margin:0 0 1.5rem}
td,th{border:1px solid ${COLOURS.grid};padding:.25rem .6rem;text-align:left;vertical-align:top}
</style></head><body><h1>${escaped(title)}</h1>${body}</body></html>\n`;
}
