// What does a plain chat turn write? Rows, bytes and batches from the server's own figures; calls of
// the system and bytes of changed pages from the kernel's.

import { readFileSync } from "node:fs";
import { type Question, type Row, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { clearMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

/** The question. */
export const turnCost: Question = {
  name: "turn-cost",
  async run(bench) {
    await bench.provider.pace(noPace);
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const target = targetOf(troupe, await makeDesk(troupe));
      const rows: Row[] = [];
      for (const inFlight of [1, 32]) {
        const before = { ...figuresOf(await troupe.metrics()), ...ioOf(troupe.running.pid) };
        await runLoad({
          port: troupe.port,
          inFlight,
          warmMs: 0,
          durationMs: bench.isQuick ? 1_000 : 3_000,
          next: () => requestBytes(target, target.body("", marked(clearMessage), false)),
        });
        const after = { ...figuresOf(await troupe.metrics()), ...ioOf(troupe.running.pid) };
        const per = (name: keyof Figures): number =>
          (after[name] - before[name]) / (after.turns - before.turns);
        const at = `a chat turn with a clear route, ${inFlight} at once`;
        rows.push(
          row(`rows written, ${at}`, [per("rows")]),
          row(`bytes of rows, ${at}`, [per("bytes")]),
          row(`commit batches of the worker, ${at}`, [per("commits")]),
          row(`bytes of changed pages, ${at}`, [per("pageBytes")]),
        );
      }
      const note = "by construction: the accept and the end; what lies between waits for commits";
      rows.push(row("flushes waited for in a chat turn", [2], { note }));
      return rows;
    } finally {
      await troupe.stop();
    }
  },
};

interface Figures {
  readonly rows: number;
  readonly bytes: number;
  readonly commits: number;
  readonly turns: number;
  readonly pageBytes: number;
}

function figuresOf(text: string): Omit<Figures, "pageBytes"> {
  const sum = (name: string): number => {
    const line = new RegExp(`^troupe_${name}_total\\{[^}]*\\} ([\\d.e+]+)$`, "gm");
    const lines = [...text.matchAll(line)];
    if (lines.length === 0) throw new Error(`/metrics has no troupe_${name}_total.`);
    return lines.reduce((total, line) => total + Number(line[1]), 0);
  };
  return {
    rows: sum("commit_rows"),
    bytes: sum("commit_bytes"),
    commits: sum("commits"),
    turns: sum("runs_ended"),
  };
}

function ioOf(pid: number): Pick<Figures, "pageBytes"> {
  const found = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"));
  return { pageBytes: Number(found?.[1] ?? Number.NaN) };
}
