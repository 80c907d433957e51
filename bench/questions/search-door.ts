// Searches of 100,000 chunks as users meet them: through the door of the real server, one at a time and
// sixteen at once, with filters; what part of the cores they use, and what memory the collection takes.

import { median, type Row, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const ROUNDS_MOST = 3;
/** Of one thread. */
const QUESTIONS = 200;
const SECONDS = 5;
const SECONDS_QUICK = 2;
/** Of the cores, by server and client together: the rest is waiting for one another. */
const CORES_SHARE = 0.8;
const kinds = [
  ["doorVector", "vector searches"],
  ["doorLexical", "lexical searches"],
  ["doorHybrid", "hybrid searches"],
  ["doorFilter1", "hybrid searches with a filter that wants 1 of 100 documents"],
  ["doorFilter10", "hybrid searches with a filter that wants 10 of 100 documents"],
  ["doorFilter50", "hybrid searches with a filter that wants 50 of 100 documents"],
] as const;

/** Makes a folder that `doorRows` are measured in. */
export const fillDoor = (folder: string, chunks: number): Promise<Measured> =>
  measure("search-door-fill-main", [folder, chunks]);

/** Rows of what one thread does in that folder, against the library at the same recall. */
export async function textRows(
  folder: string,
  chunks: number,
  { rounds, recall, ratio: least }: Record<"rounds" | "recall" | "ratio", number>,
): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let at = 0; at < Math.min(rounds, ROUNDS_MOST); at += 1) {
    all.push(await measure("search-texts-main", [folder, QUESTIONS, recall]));
  }
  const shown = (name: string, digits = 0): string => median(each(all, name)).toFixed(digits);
  const of = (who: string): string =>
    `p50 ${shown(`${who}P50`)} us, p99 ${shown(`${who}P99`)} us, recall ${shown(`${who}Share`, 3)}`;
  return [
    row(
      `the ten nearest of ${chunks} texts to six words/s of one thread`,
      each(all, "oursPerSecond"),
      {
        peer: each(all, "barePerSecond"),
        goal: `>= ${least}x the library with so many candidates that it finds ${recall} too`,
        holds: (_figure, ratio) => ratio >= least,
        note: `built-in embedder; ${of("ours")}; the library ${shown("barePerSecond")}/s with ${shown("candidates")} candidates, ${of("bare")}`,
      },
    ),
    row(`recall@10 against exact search of ${chunks} texts`, each(all, "oursShare"), {
      goal: `>= ${recall}`,
      holds: (figure) => figure >= recall,
    }),
  ];
}

/** Rows of the question about searches. @param folder as `fillDoor` made it. */
export async function doorRows(
  folder: string,
  chunks: number,
  { rounds, isQuick }: { readonly rounds: number; readonly isQuick: boolean },
): Promise<readonly Row[]> {
  const all: Measured[] = [];
  const seconds = isQuick ? SECONDS_QUICK : SECONDS;
  for (let at = 0; at < Math.min(rounds, ROUNDS_MOST); at += 1) {
    all.push(await measure("search-door-main", [folder, chunks, seconds]));
  }
  const shown = (name: string, digits = 1): string => median(each(all, name)).toFixed(digits);
  const ms = (name: string): string => (median(each(all, name)) / 1_000).toFixed(1);
  const times = (name: string): string => `p50 ${ms(`${name}P50`)} ms, p99 ${ms(`${name}P99`)} ms`;
  const cores = median(each(all, "cores"));
  const rates = kinds.flatMap(([name, text]) => [
    row(`${text}/s over HTTP at ${chunks} chunks, one at a time`, each(all, `${name}PerSecond`), {
      note: `${times(name)}; ${ms(`${name}CpuUs`)} ms of CPU a search, the server's whole process`,
    }),
    row(`the same, 16 at once`, each(all, `${name}ManyPerSecond`), {
      peer: each(all, `${name}PerSecond`),
      note: `ratio: to one at a time; ${times(`${name}Many`)}; of ${cores} cores the server used ${shown(`${name}ManyCores`, 2)}, the client ${shown(`${name}ManyClientCores`, 2)}`,
    }),
  ]);
  // Of what the rest of the machine leaves: what is idle meanwhile could have been used.
  const busy = all.map((one) => {
    const { doorHybridManyCores: server, doorHybridManyClientCores: client } = one;
    const used = (server ?? Number.NaN) + (client ?? Number.NaN);
    return used / (used + (one["doorHybridManyIdleCores"] ?? Number.NaN));
  });
  return [
    ...rates,
    row(
      "part of all cores, as far as they are free, that 16 hybrid searches of one collection use",
      busy,
      {
        goal: `>= ${CORES_SHARE}`,
        holds: (figure) => figure >= CORES_SHARE,
      },
    ),
    row(
      `MiB of the server's own memory for ${chunks} chunks searched in all ways`,
      each(all, "anonymousMib"),
      {
        note: `growth from a server that has searched 5,000 chunks, heaps of its threads with it; besides ${shown("mappedMib", 0)} MiB of files in the page cache are mapped, which all threads share and the system takes back`,
      },
    ),
  ];
}
