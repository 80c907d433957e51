// A stream that is cut at any frame and taken up again, by a door that has buffers of its own, while
// its run goes on and when it has ended: the viewer gets exactly the rest, or a reset of what it has,
// and never a reset of what it has not; whatever fails meanwhile. When the power fails, a viewer is told
// when what it has seen went with it, and only then. What goes wrong is shrunk.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { address, SHARDS } from "../../../runtime/address.ts";
import { Subscription } from "../../../runtime/door/subscription.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";
import { FrameReader } from "./frame-reader.ts";
import { type Part, pauseOf, showing, TRIES } from "./shows.ts";

/** Plans tried; `TROUPE_CUT_RUNS` tries more, `TROUPE_CUT_SEED` others. */
const RUNS = Number(process.env["TROUPE_CUT_RUNS"] ?? 100);
const SEED = Number(process.env["TROUPE_CUT_SEED"] ?? 20_261_122);
/** Frames of the first viewer at which others begin. */
const CUTS_MAX = 30;
/** Cuts of each of those. */
const CUTS_AGAIN_MAX = 4;
const TIME_MS_MAX = 60_000;
const AGAIN_MS = 15;
const tenant = "tn_1";
const root = "d";

/** How often a viewer was told that what it has seen is lost. */
let timesLost = 0;

interface Plan {
  readonly seed: number;
  readonly parts: readonly Part[];
  readonly workers: number;
  /** Longest time of a commit. */
  readonly delayMs: number;
  readonly faults: readonly {
    readonly atMs: number;
    readonly what: "crash" | "power" | "kill" | "move";
  }[];
  /** Buffer of the door, in bytes: a small one has viewers fall behind. Null: they have no door. */
  readonly bytesMax: number | null;
  /** Begin of the steps' keys; with a long one an id has no room for two. */
  readonly name: string;
}

const text: fc.Arbitrary<Part> = fc.record({
  do: fc.constant("text" as const),
  pieces: fc.integer({ min: 0, max: 4 }),
  ms: fc.nat(20),
  fails: fc.constantFrom(0, 0, 0, 1, TRIES),
  isOther: fc.boolean(),
  local: fc.boolean(),
});
const plain = fc.oneof(
  { arbitrary: text, weight: 3 },
  { arbitrary: fc.record({ do: fc.constantFrom("event" as const, "step" as const) }), weight: 2 },
);
const lines = fc.array(fc.array(plain, { minLength: 1, maxLength: 3 }), {
  minLength: 2,
  maxLength: 3,
});
const beside: fc.Arbitrary<Part> = fc.record({
  do: fc.constant("beside" as const),
  how: fc.constantFrom("children" as const, "steps" as const),
  parts: lines,
});
const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(1_000_000),
  parts: fc.array(fc.oneof({ arbitrary: plain, weight: 3 }, { arbitrary: beside, weight: 1 }), {
    minLength: 1,
    maxLength: 5,
  }),
  workers: fc.integer({ min: 1, max: 2 }),
  delayMs: fc.constantFrom(0, 5, 30),
  faults: fc.array(
    fc.record({ atMs: fc.nat(400), what: fc.constantFrom("crash", "power", "kill", "move") }),
    { maxLength: 3 },
  ),
  bytesMax: fc.constantFrom(null, 1, 1_000, 1_000_000),
  name: fc.constantFrom("s", "s".repeat(160)),
});

/** Everybody who watches the run of one plan. */
class Audience {
  readonly wrong: string[] = [];
  readonly readers: FrameReader[] = [];
  readonly #system: TestSystem;
  readonly #run: string;
  readonly #bytesMax: number | null;
  readonly #random: () => number;
  /** Where the first viewer was after each frame. */
  readonly places: FrameReader[] = [];

  constructor(system: TestSystem, run: string, { bytesMax, seed }: Plan) {
    this.#system = system;
    this.#run = run;
    this.#bytesMax = bytesMax;
    this.#random = seeded(seed + 1);
  }

  /** Whether everybody has seen the end. */
  get areDone(): boolean {
    return this.readers.every(({ end }) => end !== undefined);
  }

  newReader(): FrameReader {
    return new FrameReader((what) => this.wrong.push(what));
  }

  /** The first viewer: at each of its frames another one begins, who has seen as much. */
  first(): void {
    const reader = this.newReader();
    this.watch(reader, (frame) => {
      if (frame.type === "end" || this.places.length >= CUTS_MAX) return false;
      const copy = reader.copy();
      this.places.push(reader.copy());
      let cuts = 0;
      this.watch(copy, () => {
        const isCut = cuts < CUTS_AGAIN_MAX && this.#random() < 0.2;
        if (isCut) cuts += 1;
        return isCut;
      });
      return false;
    });
  }

  /** Watches after what a reader has seen; cut, and taken up again, where `isCutAt` says so. */
  watch(reader: FrameReader, isCutAt: (frame: Frame) => boolean): void {
    this.readers.push(reader);
    this.#read(reader, isCutAt).catch((error: unknown) => this.wrong.push(String(error)));
  }

  async #read(reader: FrameReader, isCutAt: (frame: Frame) => boolean): Promise<void> {
    while (reader.end === undefined) {
      reader.again();
      if (this.#bytesMax === null) await this.#readBare(reader, isCutAt);
      else await this.#readOne(this.#subscribe(reader.cursor, this.#bytesMax), reader, isCutAt);
    }
  }

  /** Reads what a worker says to its end or its cut. */
  async #readBare(reader: FrameReader, isCutAt: (frame: Frame) => boolean): Promise<void> {
    const { promise: cut, resolve } = settleable();
    let isCut = false;
    const take = (frame: Frame): void => {
      if (isCut) return;
      reader.take(frame);
      isCut = isCutAt(frame);
      if (isCut) resolve();
    };
    const followed = this.#follow(reader.cursor, take).catch((error: unknown) => {
      if (isLost(error)) reader.forget();
    });
    await Promise.race([followed, cut]);
    isCut = true;
    await this.#pause(AGAIN_MS);
  }

  /** Reads one connection to its end or its cut. */
  async #readOne(
    subscription: Subscription,
    reader: FrameReader,
    isCutAt: (frame: Frame) => boolean,
  ): Promise<void> {
    for (;;) {
      const batch = await subscription.next().catch((error: unknown) => {
        if (!isLost(error)) throw error;
        reader.forget();
        return { done: true } as const;
      });
      if (batch.done) return;
      for (const frame of batch.value) {
        if (frame.type === "gap") continue;
        reader.take(frame);
        if (isCutAt(frame)) return void (await subscription.return());
      }
      if (this.#random() < 0.3) await this.#pause(this.#random() * 40);
    }
  }

  /** A subscription as the door has it: followed again where its worker or its process dies. */
  #subscribe(cursor: string | undefined, bytesMax: number): Subscription {
    let life = 0;
    const follow = (after: string | undefined): void => {
      life += 1;
      const mine = life;
      const take = (frame: Frame): void => {
        if (mine === life) subscription.push([frame]);
      };
      this.#follow(after, take).catch(async (error: unknown) => {
        if (isLost(error)) return subscription.fail(error);
        await this.#pause(AGAIN_MS);
        if (mine === life) follow(subscription.cursor());
      });
    };
    const host = {
      open: () => follow(cursor),
      follow: (one: Subscription) => follow(one.cursor()),
      close: () => {
        life += 1;
      },
    };
    const after = cursor === undefined ? {} : { after: cursor };
    const of = { bytesMax, endOnly: false, run: this.#run, ...after };
    const subscription = new Subscription(host, of);
    return subscription;
  }

  async #follow(after: string | undefined, take: (frame: Frame) => void): Promise<void> {
    const cursor = after === undefined ? {} : { after };
    await this.#system.follow({ tenant, root, run: this.#run, ...cursor }, take);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#system.schedule.after("callers", ms, resolve));
  }
}

/**
 * Whether what a viewer has seen was lost with the power; else a worker or the process has died, and
 * anything else is a failure.
 */
function isLost(error: unknown): error is RuntimeError {
  if (!(error instanceof RuntimeError)) throw error;
  if (error.code === "EVENTS_LOST") timesLost += 1;
  return error.code === "EVENTS_LOST";
}

function settleable(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Goes on until `isDone`, starting again whenever the process has crashed. */
async function live(system: TestSystem, isDone: () => boolean): Promise<void> {
  const endMs = system.schedule.passedMs + TIME_MS_MAX;
  for (let crashes = system.crashes; ; crashes = system.crashes) {
    const isDown = (): boolean => crashes !== system.crashes;
    await system.schedule.until(() => isDone() || isDown(), endMs - system.schedule.passedMs);
    if (!isDown()) break;
    await system.schedule.advance(10);
    await system.start();
  }
  if (!isDone()) throw new Error("It does not come to its end.");
}

function strike(system: TestSystem, { what }: Plan["faults"][number], workers: number): void {
  if (what === "crash") system.crash("process");
  if (what === "power") system.crash("power");
  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  const change =
    what === "kill" ? system.killWorker(0, workers - 1) : system.move(all, workers - 1, 20);
  if (what === "kill" || what === "move") change.catch(() => undefined);
}

/** What is wrong with what the viewers of a plan were shown. */
async function wrongOf(plan: Plan): Promise<readonly string[]> {
  const { seed, workers, delayMs, parts, name, faults } = plan;
  const system = new TestSystem({
    ...{ seed, workers, delayMs, definitions: showing, portsFor: pauseOf },
    limits: { runIdleMs: 20 },
  });
  await system.start();
  const message = { type: "start", script: { parts, name } };
  const asked = system.ask(address({ kind: "desk", tenant, root }), message);
  let run = "";
  const told = asked.then((id) => {
    run = String(id);
  });
  await live(system, () => run !== "");
  await told;
  const audience = new Audience(system, run, plan);
  audience.first();
  for (const [at, fault] of faults.entries()) {
    // One change of owners at a time.
    const atMs = fault.atMs + at * 500;
    system.schedule.after("faults", atMs, () => strike(system, fault, workers));
  }
  await live(system, () => audience.areDone);
  // Each place once more, now that the run has ended; and the whole of it.
  for (const place of audience.places) audience.watch(place, () => false);
  const whole = audience.newReader();
  audience.watch(whole, () => false);
  await live(system, () => audience.areDone);
  const seen = ({ events, ended }: FrameReader): string =>
    JSON.stringify([[...events].sort(), [...ended].sort()]);
  const other = audience.readers.filter((reader) => seen(reader) !== seen(whole));
  return [...audience.wrong, ...other.map((reader) => `saw ${seen(reader)}, not ${seen(whole)}`)];
}

test("a stream that is cut anywhere goes on with exactly the rest, and resets only what was seen", async () => {
  const property = fc.asyncProperty(plans, async (plan) => {
    expect(await wrongOf(plan)).toEqual([]);
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
  expect(timesLost).toBeGreaterThan(0);
}, 120_000);
