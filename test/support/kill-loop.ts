// Kills a process of its own again and again at random moments, kill -9, and judges from outside:
// what it acknowledged must be there, whole and once. Used by the tests with few kills and by the
// bench with many. What was acknowledged is kept here, in the parent, as lines the child printed.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { seeded } from "../../runtime/testkit/schedule.ts";
import type { Life, Line, Tally } from "./kill-child.ts";

/** How it is done. */
export interface KillLoopOptions {
  readonly kills: number;
  readonly seed: number;
  /** Worker threads of the child; 0 starts fastest. */
  readonly workers: number;
  /** Most lines a life prints before it is killed, 20 is some five messages; now and then none. */
  readonly linesMax: number;
  /** No further life begins after so long; the report says how many there were. Default: no end. */
  readonly limitMs?: number;
}

/** What was found. Every list is of sentences and must be empty. */
export interface KillReport {
  readonly lives: number;
  /** Kills that came before the child was up. */
  readonly killedInStart: number;
  readonly acknowledged: number;
  readonly runs: number;
  readonly reminders: number;
  readonly lost: readonly string[];
  readonly torn: readonly string[];
  readonly doubled: readonly string[];
  readonly elapsedMs: number;
}

interface Judged {
  readonly lost: string[];
  readonly torn: string[];
  readonly doubled: string[];
}

/** One message as seen from outside. */
interface Message {
  readonly how: "keyed" | "plain" | "run";
  readonly life: number;
  readonly n: number;
  isAcknowledged: boolean;
}

const child = fileURLToPath(new URL("./kill-child.js", import.meta.url));
/** One in so many kills does not wait until the child is up. */
const IN_START_ONE_IN = 5;
const START_MS = 250;
const LIFE_MS = 5_000;
/** The last life looks into the actors of all others. */
const END_MS = 60_000;
const END_MS_A_LIFE = 100;

/** Runs the loop on a folder of its own. @throws when a child ends by itself. */
export async function killLoop(options: KillLoopOptions): Promise<KillReport> {
  const root = mkdtempSync(join(tmpdir(), "troupe-kills-"));
  const loop = new KillLoop(root, options);
  try {
    return await loop.run();
  } finally {
    loop.end();
    rmSync(root, { recursive: true, force: true });
  }
}

class KillLoop {
  readonly #root: string;
  readonly #options: KillLoopOptions;
  readonly #random: () => number;
  readonly #messages = new Map<number, Message>();
  readonly #steps = new Map<number, string[]>();
  readonly #found: Judged = { lost: [], torn: [], doubled: [] };
  /** The process of the next life: loading code takes longer than a life, and nobody kills that. */
  #next: ChildProcessWithoutNullStreams = load();
  #killedInStart = 0;

  constructor(root: string, options: KillLoopOptions) {
    this.#root = root;
    this.#options = options;
    this.#random = seeded(options.seed);
    writeFileSync(join(root, "effects"), "");
  }

  async run(): Promise<KillReport> {
    const beganMs = performance.now();
    const { kills: killsMax, limitMs = Number.POSITIVE_INFINITY } = this.#options;
    let kills = 0;
    while (kills < killsMax && performance.now() - beganMs < limitMs) {
      kills += 1;
      await this.#live({ life: kills, mode: "work", show: kills > 1 ? [kills - 1] : [] });
    }
    const all = Array.from({ length: kills }, (_, at) => at + 1);
    const lines = await this.#live({ life: kills + 1, mode: "settle", show: all });
    const end = this.#judgeAll(lines);
    return {
      lives: kills + 1,
      killedInStart: this.#killedInStart,
      acknowledged: [...this.#messages.values()].filter((one) => one.isAcknowledged).length,
      ...end,
      ...this.#found,
      elapsedMs: performance.now() - beganMs,
    };
  }

  end(): void {
    this.#next.kill("SIGKILL");
  }

  /** One life of the child; `work` ends by SIGKILL, `settle` by itself. */
  async #live(of: Pick<Life, "life" | "mode" | "show">): Promise<readonly Line[]> {
    const again = [...this.#messages.values()].filter(
      (one) => one.how === "keyed" && !one.isAcknowledged,
    );
    const told: Life = {
      ...of,
      folder: join(this.#root, "data"),
      effects: join(this.#root, "effects"),
      workers: this.#options.workers,
      again,
    };
    const running = this.#next;
    this.#next = load();
    let printed = "";
    let errors = "";
    running.stdout.on("data", (chunk) => {
      printed += String(chunk);
    });
    running.stderr.on("data", (chunk) => {
      errors += String(chunk);
    });
    const closed = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      running.once("close", (code, signal) => resolve({ code, signal }));
    });
    running.stdin.on("error", () => undefined);
    running.stdin.end(`${JSON.stringify(told)}\n`);
    if (of.mode === "work") await this.#waitToKill(() => printed, closed, running.stdout);
    const endMs = END_MS + END_MS_A_LIFE * of.life;
    const timer = setTimeout(() => running.kill("SIGKILL"), of.mode === "work" ? 0 : endMs);
    const { code, signal } = await closed;
    clearTimeout(timer);
    if (of.mode === "settle" ? code !== 0 : signal !== "SIGKILL") {
      throw new Error(`Life ${of.life} ended with ${code ?? signal}, not as told: ${errors}`);
    }
    if (!printed.startsWith('["up"')) this.#killedInStart += 1;
    // The last line may be cut.
    const lines = printed
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
    for (const line of lines) this.#note(line);
    return lines;
  }

  /** A moment by how far it has come, so that a busy machine does not kill newborns only. */
  async #waitToKill(
    printed: () => string,
    closed: Promise<unknown>,
    data: Readable,
  ): Promise<void> {
    if (this.#random() < 1 / IN_START_ONE_IN) {
      await sleep(this.#random() * START_MS);
      return;
    }
    const lines = Math.ceil(this.#random() * this.#options.linesMax);
    const far = new Promise<void>((resolve) => {
      data.on("data", () => {
        if (printed().split("\n").length > lines) resolve();
      });
    });
    await Promise.race([far, closed, sleep(LIFE_MS)]);
    await sleep(this.#random() * 2);
  }

  #note(line: Line): void {
    // In order: held against what had been acknowledged when it was printed.
    if (line[0] === "tally") this.#judge(line[1], false);
    else if (line[0] === "sent" || line[0] === "ack") {
      const [what, how, life, n] = line;
      const message = this.#messages.get(n) ?? { how, life, n, isAcknowledged: false };
      if (what === "ack") message.isAcknowledged = true;
      this.#messages.set(n, message);
    } else if (line[0] === "step") {
      const [, step, n] = line;
      const steps = this.#steps.get(n) ?? [];
      steps.push(step);
      this.#steps.set(n, steps);
    }
  }

  /** `isEnd`: nothing is under way any more. */
  #judge(tally: Tally, isEnd: boolean): void {
    const { kind, life, count, rang, ended, records } = tally;
    const { torn, lost } = this.#found;
    const name = `${kind}-${life}`;
    const has = new Set(records);
    const of = (letter: string): number => records.filter((key) => key[0] === letter).length;
    // State and records commit together; a number applied twice has one record and counts twice.
    if (count !== of("n")) {
      const list = count > of("n") ? this.#found.doubled : torn;
      list.push(`${name} counts ${count} and has ${of("n")} numbers`);
    }
    if (rang !== of("r")) this.#found.doubled.push(`${name} rang ${rang} times for ${of("r")}`);
    if (ended !== of("e")) this.#found.doubled.push(`${name} ended ${ended} for ${of("e")}`);
    const holds = (message: Message): boolean =>
      kind === "desk" ? message.how === "run" : message.how !== "run";
    for (const message of this.#messages.values()) {
      // A plain durable message is acknowledged when it is in the inbox, and applied later.
      const isDue = isEnd || (message.how !== "plain" && kind !== "mirror");
      if (message.life !== life || !message.isAcknowledged || !holds(message) || !isDue) continue;
      if (!has.has(`n${message.n}`)) lost.push(`${message.how} ${message.n} is not in ${name}`);
    }
    if (!isEnd) return;
    for (const key of records) {
      const n = Number(key.slice(1));
      if (key[0] !== "n") continue;
      if (kind === "ledger" && n % 4 === 0 && !has.has(`r${n}`)) lost.push(`no reminder of ${n}`);
      if (kind === "desk" && !has.has(`e${n}`)) lost.push(`run ${n} has not ended`);
    }
  }

  #judgeAll(lines: readonly Line[]): { runs: number; reminders: number } {
    const { lost, torn, doubled } = this.#found;
    let [added, runs, reminders] = [0, 0, 0];
    const numbers = new Map<string, string>();
    for (const line of lines) {
      if (line[0] !== "tally") continue;
      this.#judge(line[1], true);
      const { kind, life, count, rang, records } = line[1];
      if (kind === "ledger") added += count;
      if (kind === "desk") runs += count;
      reminders += rang;
      if (kind !== "desk") numbers.set(`${kind}-${life}`, plain(records));
    }
    for (const [name, of] of numbers) {
      const other = numbers.get(name.replace("ledger", "mirror"));
      if (other !== of) lost.push(`${name} and its mirror hold other numbers`);
    }
    const rows = lines.find((line) => line[0] === "rows")?.[1];
    if (rows?.rows !== added || rows.counter !== added || rows.runs !== runs) {
      torn.push(`${JSON.stringify(rows)} for ${added} numbers and ${runs} runs`);
    }
    for (const [n, steps] of this.#steps) {
      const second = steps.indexOf("second");
      if (second === -1) continue;
      if (steps.lastIndexOf("second") !== second) doubled.push(`never step of ${n} called twice`);
      if (steps.lastIndexOf("first") > second) doubled.push(`stored step of ${n} called again`);
    }
    const effects = readFileSync(join(this.#root, "effects"), "utf8").split("\n").slice(0, -1);
    const once = new Set(effects);
    if (effects.length !== once.size) doubled.push(`${effects.length} effects of ${once.size}`);
    return { runs, reminders };
  }
}

function load(): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [child], { stdio: ["pipe", "pipe", "pipe"] });
}

function plain(records: readonly string[]): string {
  return records.filter((key) => key[0] === "n").join(" ");
}
