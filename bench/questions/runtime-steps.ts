// Runs of five small steps, each step's result stored before the next one begins: how many a second,
// and how long one takes alone. Two levels, the same for all sides: "flushed", a stored step survives
// a loss of power, and "committed", it survives the end of the process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, median, type Question, type Row, row } from "../question.ts";
import { type PeerName, peerFolder, reportMissing } from "../support/peers.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { each, type Measured, measure, measureScript } from "../support/run-program.ts";

const MANY = 64;
const LOADS = [MANY, 1] as const;
const LEVELS = ["flushed", "committed"] as const;
type Level = (typeof LEVELS)[number];

/** How our steps wait: `never` ones for a flush of the attempt and all before it, `safe` ones for the commit. */
const REPEAT: Readonly<Record<Level, string>> = { flushed: "never", committed: "safe" };

/** A program beside ours. */
interface Peer {
  readonly name: string;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stores: Readonly<Partial<Record<Level, string>>>;
}

/** Rounds by side, level and load. */
type Rounds = Map<string, Measured[]>;

const OURS = "ours";
const keyOf = (side: string, level: Level, atOnce: number): string => `${side} ${level} ${atOnce}`;

/** The question. */
export const runtimeSteps: Question = {
  name: "runtime-steps",
  async run(bench) {
    const postgres = await startedPostgres();
    try {
      const peers = peersWith(postgres);
      const rounds: Rounds = new Map();
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const level of LEVELS) {
          for (const atOnce of LOADS) await oneRound(bench, peers, rounds, level, atOnce);
        }
      }
      return LEVELS.flatMap((level) =>
        peers.flatMap((peer) => rowsAgainst(peer, level, rounds, peers)),
      );
    } finally {
      await postgres?.stop();
    }
  },
};

async function startedPostgres(): Promise<Postgres | undefined> {
  try {
    return await startPostgres();
  } catch (error) {
    reportMissing("dbos", error);
    return undefined;
  }
}

function peersWith(postgres: Postgres | undefined): Peer[] {
  const sqlite = {
    flushed: "sqlite, synchronous = FULL",
    committed: "sqlite, synchronous = NORMAL",
  };
  const flushed = `PostgreSQL ${postgres?.version} on the same machine, synchronous_commit = on`;
  const url = postgres?.url ?? "";
  return [
    ...peer("langgraph", "LangGraph", sqlite),
    ...peer("effect", "Effect workflow", sqlite),
    ...(postgres ? peer("dbos", "DBOS Transact", { flushed }, { PEER_POSTGRES: url }) : []),
  ];
}

function peer(
  folder: PeerName,
  name: string,
  stores: Peer["stores"],
  env: Peer["env"] = {},
): Peer[] {
  const path = peerFolder(folder);
  return path === undefined ? [] : [{ name, stores, env, script: join(path, "steps.mjs") }];
}

async function oneRound(
  bench: Bench,
  peers: readonly Peer[],
  rounds: Rounds,
  level: Level,
  atOnce: number,
): Promise<void> {
  const seconds = bench.isQuick ? 2 : 4;
  const said: string[] = [];
  const add = (name: string, measured: Measured): void => {
    const key = keyOf(name, level, atOnce);
    rounds.set(key, [...(rounds.get(key) ?? []), measured]);
    said.push(`${name} ${measured["perSecond"]?.toFixed(0)}`);
  };
  add(OURS, await measure("durable-main", ["steps", seconds, 1, atOnce, REPEAT[level]]));
  for (const { name, script, env, stores } of peers) {
    if (stores[level] === undefined) continue;
    const data = mkdtempSync(join(tmpdir(), "bench-steps-"));
    try {
      const given = { PEER_DATA: data, ...env };
      add(name, await measureScript(script, [seconds, atOnce, level], given));
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  }
  bench.say(`${level}, ${atOnce} at once, runs/s: ${said.join(", ")}`);
}

function rowsAgainst(
  { name, stores }: Peer,
  level: Level,
  rounds: Rounds,
  peers: readonly Peer[],
): Row[] {
  if (stores[level] === undefined) return [];
  const of = (side: string, atOnce: number, figure: string): number[] =>
    each(rounds.get(keyOf(side, level, atOnce)) ?? [], figure);
  const isFirst = peers[0]?.name === name;
  const shown = (figure: string): string => median(of(OURS, MANY, figure)).toFixed(0);
  const wrote = isFirst ? `; ours ${shown("rows")} rows, ${shown("bytes")} B a run` : "";
  const theirs = (atOnce: number, figure: string): string => {
    const values = of(name, atOnce, figure);
    return `${name} ${median(values).toPrecision(3)} (${stores[level]})`;
  };
  const five = `of 5 steps, each ${level} before the next`;
  return [
    row(`runs ${five}, a second, ${MANY} at once, against ${name}`, of(OURS, MANY, "perSecond"), {
      peer: of(name, MANY, "perSecond"),
      note: `${theirs(MANY, "perSecond")}${wrote}`,
    }),
    row(`ms a run ${five}, alone, p50, against ${name}`, of(OURS, 1, "p50"), {
      peer: of(name, 1, "p50"),
      note: theirs(1, "p50"),
    }),
  ];
}
