// Where the nodes of a drawing stand and how its lines run, by dagre (layers, few crossings). Hundreds of
// nodes take it more than a second: it is a task of the compute pool.

import { Graph, layout } from "@dagrejs/dagre";

/** A box to place, sizes in pixels. */
export interface Box {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

/** A line to draw; a label takes room. */
export interface Line {
  readonly from: string;
  readonly to: string;
  readonly label: Omit<Box, "id"> | null;
}

/** Centres of the boxes by id, and the lines' points in the order of the lines. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: Readonly<Record<string, Point>>;
  readonly lines: readonly { readonly points: readonly Point[]; readonly label: Point | null }[];
}

/** Pixels from the left and from the top. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

const MARGIN = 16;
const GAP = 32;

/** Lays out boxes and lines from the top to the bottom. */
export function layoutGraph(input: unknown): Layout {
  const { boxes, lines } = input as {
    readonly boxes: readonly Box[];
    readonly lines: readonly Line[];
  };
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: GAP, ranksep: GAP, marginx: MARGIN, marginy: MARGIN });
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const [at, { from, to, label }] of lines.entries()) {
    graph.setEdge(from, to, { ...(label ?? { width: 0, height: 0 }), labelpos: "c" }, `${at}`);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: Object.fromEntries(boxes.map(({ id }) => [id, pointOf(graph.node(id))])),
    lines: lines.map(({ from, to, label }, at) => {
      const edge = graph.edge({ v: from, w: to, name: `${at}` });
      const points = (edge.points ?? []).map(pointOf);
      return { points, label: label === null ? null : pointOf(edge) };
    }),
  };
}

function pointOf({ x = 0, y = 0 }: { readonly x?: number; readonly y?: number }): Point {
  return { x: Math.round(x), y: Math.round(y) };
}
