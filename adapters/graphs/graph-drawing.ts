// A graph as a picture: SVG text that needs nothing from elsewhere. Every text of a client is escaped and
// cut, so that neither a name nor an expression can become markup.

import type { NodeMark } from "../../actors/flow/marks.ts";
import { escaped } from "../markup.ts";
import type { Box, Layout, Line, Point } from "./graph-layout.ts";

/** What is drawn: a definition that was checked when it was saved. */
export interface Drawing {
  readonly boxes: readonly (Box & { readonly type: string; readonly detail: string })[];
  readonly lines: readonly (Line & { readonly text: string; readonly isInner: boolean })[];
}

type Fields = Readonly<Record<string, unknown>>;

const CHAR_WIDTH = 7;
const BOX_HEIGHT = 44;
/** Room for how far a run has come: "completed 12× 3.5 min". */
const MARK_CHARS = 21;
const TEXT_CHARS = 32;
const PADDING = 24;
const LABEL_HEIGHT = 16;

/** The boxes and lines of a definition; the body of a loop or a map hangs from it by a dashed line. */
export function drawingOf(definition: Fields): Drawing {
  const nodes = listOf(definition["nodes"]);
  const boxes = nodes.map((node) => {
    const { id, type, ref, event } = node;
    const detail = shortened(
      [type, ref ?? event].filter((one) => typeof one === "string").join(" "),
    );
    const chars = Math.max(MARK_CHARS, shortened(String(id)).length, detail.length);
    return {
      ...{ id: String(id), type: String(type), detail },
      ...{ width: chars * CHAR_WIDTH + PADDING, height: BOX_HEIGHT },
    };
  });
  const lines = listOf(definition["edges"]).map(({ from, to, when }) =>
    lineOf(String(from), String(to), typeof when === "string" ? when : "", false),
  );
  const inner = nodes.flatMap(({ id, type, body, while: condition }) => {
    if (typeof body !== "object" || body === null) return [];
    const drawing = drawingOf(body as Fields);
    const entry = (body as Fields)["entry_node"] ?? drawing.boxes[0]?.id;
    const text = type === "map" ? "each" : typeof condition === "string" ? condition : "again";
    return [{ ...drawing, way: lineOf(String(id), String(entry), text, true) }];
  });
  return {
    boxes: [...boxes, ...inner.flatMap((one) => one.boxes)],
    lines: [...lines, ...inner.flatMap((one) => [one.way, ...one.lines])],
  };
}

/** @param marks how far a run has come, by node; without a run it is empty. */
export function svgOf(
  name: string,
  { boxes, lines }: Drawing,
  layout: Layout,
  marks: ReadonlyMap<string, NodeMark>,
): string {
  const { width, height } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xmlText(name)}">`,
    STYLE,
    ...lines.map((line, at) => drawLine(line, layout.lines[at])),
    ...boxes.map((box) => drawBox(box, layout.boxes[box.id] ?? { x: 0, y: 0 }, marks.get(box.id))),
    "</svg>\n",
  ].join("\n");
}

const STYLE = `<style>
text{font:13px ui-sans-serif,system-ui,sans-serif;text-anchor:middle;fill:#1f2328}
.small{font-size:11px;fill:#59636e}
rect{fill:#f6f8fa;stroke:#818b98;stroke-width:1.5}
.running rect,.waiting rect{fill:#ddf4ff;stroke:#0969da;stroke-width:2.5}
.waiting rect{fill:#fff8c5;stroke:#9a6700}
.completed rect{fill:#dafbe1;stroke:#1a7f37}
.failed rect{fill:#ffebe9;stroke:#d1242f}
.cut rect{stroke-dasharray:4 3}
path{fill:none;stroke:#818b98;stroke-width:1.5}
.inner{stroke-dasharray:4 3}
.tip{fill:#818b98;stroke:none}
.label{fill:#fff;stroke:none}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>`;

function drawBox(
  { id, width, height, detail }: Drawing["boxes"][number],
  { x, y }: Point,
  mark: NodeMark | undefined,
): string {
  const said = mark === undefined ? "" : ` · ${saidOf(mark)}`;
  const rect = `<rect x="${x - width / 2}" y="${y - height / 2}" width="${width}" height="${height}" rx="6"/>`;
  return [
    `<g class="${mark?.status ?? "idle"}"><title>${xmlText(`${id} · ${detail}${said}`)}</title>${rect}`,
    `<text x="${x}" y="${y - 3}">${xmlText(shortened(id))}</text>`,
    `<text class="small" x="${x}" y="${y + 13}">${xmlText(mark === undefined ? detail : saidOf(mark))}</text></g>`,
  ].join("");
}

function drawLine(
  { text, isInner }: Drawing["lines"][number],
  place: Layout["lines"][number] | undefined,
): string {
  if (place === undefined) return "";
  const way = place.points.map(({ x, y }, at) => `${at === 0 ? "M" : "L"}${x} ${y}`).join("");
  const path = `<path${isInner ? ' class="inner"' : ""} marker-end="url(#tip)" d="${way}"/>`;
  if (place.label === null) return path;
  const { x, y } = place.label;
  const width = shortened(text).length * CHAR_WIDTH;
  return [
    `${path}<g><title>${xmlText(text)}</title>`,
    `<rect class="label" x="${x - width / 2}" y="${y - 8}" width="${width}" height="${LABEL_HEIGHT}"/>`,
    `<text class="small" x="${x}" y="${y + 4}">${xmlText(shortened(text))}</text></g>`,
  ].join("");
}

function saidOf({ status, visits, ms }: NodeMark): string {
  const times = visits > 1 ? ` ${visits}×` : "";
  return `${status}${times}${ms === null ? "" : ` ${durationOf(ms)}`}`;
}

/** "340 ms", "1.2 s", "3.5 min", "2 h", "3 d". */
function durationOf(ms: number): string {
  const units = [
    [24 * 3_600_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ] as const;
  const [size, unit] = units.find(([least]) => ms >= least) ?? [1, "ms"];
  return `${Math.round((10 * ms) / size) / 10} ${unit}`;
}

function lineOf(
  from: string,
  to: string,
  text: string,
  isInner: boolean,
): Drawing["lines"][number] {
  const width = shortened(text).length * CHAR_WIDTH;
  return { from, to, text, isInner, label: text === "" ? null : { width, height: LABEL_HEIGHT } };
}

function shortened(text: string): string {
  const chars = [...text];
  return chars.length <= TEXT_CHARS ? text : `${chars.slice(0, TEXT_CHARS - 1).join("")}…`;
}

/** As XML takes it: markup escaped, and what XML 1.0 has no character for replaced. */
function xmlText(text: string): string {
  return escaped(
    text.replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD"),
  );
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value : [];
}
