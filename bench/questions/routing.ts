// The router's quality and cost, from bench/routing.ts, which runs alone too.

import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Question, Row } from "../question.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "..", "routing.js");

/** The question. */
export const routing: Question = {
  name: "routing",
  async run(bench) {
    const args = bench.data === null ? [] : ["--data", bench.data];
    const { stdout } = await promisify(execFile)(process.execPath, [program, "--rows", ...args]);
    const figures = JSON.parse(stdout) as Omit<Row, "ratio">[];
    return figures.map((figure) => ({ ratio: null, ...figure }));
  },
};
