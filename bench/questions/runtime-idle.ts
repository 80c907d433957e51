// What do a million conversations that hibernate cost: the start, its memory, a wake, the disk?

import { mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, median, type Question, type Row, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { each, type Measured, measure } from "../support/run-program.ts";
import { clearMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";

const CONVERSATIONS = 1_000_000;
const CONVERSATIONS_QUICK = 50_000;
/** A slow machine writes fewer; the rows say how many. */
const FILL_SECONDS = 480;
/** Disk of one, with room for what is written twice. */
const CONVERSATION_BYTES = 10_000;
const RATIO_MAX = 1.1;
const WAKE_US_MAX = 50;
const DISK_BYTES_MAX = 2 * 1024;
const LOAD_MS = 4_000;
const BLOCK_BYTES = 512;
const MB = 1024 * 1024;

interface Starts {
  readonly ms: number[];
  readonly memory: number[];
}

/** The question. */
export const runtimeIdle: Question = {
  name: "runtime-idle",
  async run(bench) {
    await bench.provider.pace(noPace);
    const wanted = bench.isQuick ? CONVERSATIONS_QUICK : CONVERSATIONS;
    const empty = mkdtempSync(join(tmpdir(), "bench-idle-none-"));
    const full = mkdtempSync(join(tmpdir(), "bench-idle-many-"));
    const [none, all]: Starts[] = [
      { ms: [], memory: [] },
      { ms: [], memory: [] },
    ];
    const wakes: Measured[] = [];
    try {
      const amplification = await oneConversation(bench, full, empty);
      const data = join(full, "data");
      const before = diskBytes(data);
      bench.say(`writing ${wanted} conversations`);
      const copy = await measure("idle-main", ["fill", data, fitting(wanted), FILL_SECONDS]);
      const many = copy["copies"] ?? wanted;
      const onDisk = (diskBytes(data) - before) / many;
      for (let at = 0; at < bench.rounds; at += 1) {
        await start(bench, empty, none);
        await start(bench, full, all);
        wakes.push(await measure("idle-main", ["wake", data, many]));
      }
      const rows = [
        ratio(`ms from exec to listening, ${many} conversations, against none`, all?.ms, none?.ms),
        ratio(
          `MB resident when listening, ${many} conversations, against none`,
          all?.memory,
          none?.memory,
        ),
        row("us from a message's arrival to its conversation's handler, p50", each(wakes, "p50"), {
          goal: `<= ${WAKE_US_MAX}`,
          holds: (figure) => figure <= WAKE_US_MAX,
          note: `p99 ${median(each(wakes, "p99")).toFixed(0)} us; one that hibernates, of ${many}`,
        }),
        row("bytes on disk of a conversation of one turn, text and journal included", [onDisk], {
          goal: `<= ${DISK_BYTES_MAX} + text`,
          holds: (figure) => figure <= DISK_BYTES_MAX + textBytes(),
          note: `${copy["rows"]} rows of ${copy["rowBytes"]} bytes with their keys; text ${textBytes()}`,
        }),
      ];
      if (many < wanted) bench.say(`there was disk and time for ${many}`);
      return [...rows, amplification(copy["rowBytes"] ?? Number.NaN)];
    } finally {
      for (const folder of [empty, full]) rmSync(folder, { recursive: true, force: true });
    }
  },
};

/**
 * Chats once in `full`: the conversation that is copied. The load for the write amplification runs
 * on another folder, which stays the one with next to nothing in it.
 */
async function oneConversation(
  bench: Bench,
  full: string,
  empty: string,
): Promise<(rowBytes: number) => Row> {
  const first = await startTroupe({ providerPort: bench.provider.port, folder: full, workers: 1 });
  await chat(first, targetOf(first, await makeDesk(first)));
  await first.stop();
  const second = await startTroupe({
    providerPort: bench.provider.port,
    folder: empty,
    workers: 1,
  });
  await chat(second, targetOf(second, await makeDesk(second)));
  await second.stop();
  const busy = await startTroupe({ providerPort: bench.provider.port, workers: 1 });
  const target = targetOf(busy, await makeDesk(busy));
  const load = (durationMs: number) =>
    runLoad({
      ...{ port: busy.port, inFlight: 32, warmMs: 0, durationMs },
      next: () => requestBytes(target, target.body("", marked(clearMessage), false)),
    });
  await load(LOAD_MS / 4);
  const before = writtenBytes(busy.running.pid);
  const { count } = await load(bench.isQuick ? LOAD_MS / 2 : LOAD_MS);
  const written = (writtenBytes(busy.running.pid) - before) / count;
  await busy.stop();
  return (rowBytes) =>
    row(
      "bytes written for each byte kept of a conversation, 32 chats at once",
      [written / rowBytes],
      { note: `${written.toFixed(0)} bytes of changed pages a turn` },
    );
}

async function chat(troupe: Troupe, target: Target): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${troupe.port}${target.path}`, {
    method: "POST",
    headers: { ...target.headers, "content-type": "application/json" },
    body: target.body("", clearMessage, false),
  });
  if (!response.ok) throw new Error(`the chat was refused: ${await response.text()}`);
}

async function start(bench: Bench, folder: string, into: Starts | undefined): Promise<void> {
  const troupe = await startTroupe({ providerPort: bench.provider.port, folder, workers: 1 });
  into?.ms.push(troupe.running.startMs);
  into?.memory.push(troupe.running.residentBytes() / MB);
  await troupe.stop();
}

function ratio(
  question: string,
  values: readonly number[] = [],
  peer: readonly number[] = [],
): Row {
  return row(question, values, {
    peer,
    goal: `<= ${RATIO_MAX}x`,
    holds: (_figure, times) => times <= RATIO_MAX,
    note: `none: ${median(peer).toFixed(0)}`,
  });
}

/** So many that half of what is free on the disk is enough for them. */
function fitting(wanted: number): number {
  const { bavail, bsize } = statfsSync(tmpdir());
  return Math.min(wanted, Math.floor((bavail * bsize) / 2 / CONVERSATION_BYTES));
}

/** Text of a conversation: what was asked, and about as much in the answer. */
function textBytes(): number {
  return 2 * clearMessage.length;
}

function diskBytes(data: string): number {
  return statSync(join(data, "hot.mdb")).blocks * BLOCK_BYTES;
}

function writtenBytes(pid: number): number {
  const found = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"));
  return Number(found?.[1] ?? Number.NaN);
}
