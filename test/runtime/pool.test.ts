// The same system over no, one and two workers: everything an adapter uses works alike.

import { afterEach, describe, expect, test } from "vitest";
import type { RunList } from "../../runtime/system.ts";
import { at, collect, startTestSystem, stopAll, textOf } from "../support/threads-system.ts";

afterEach(stopAll);

describe.each([0, 1, 2])("a system with %i workers", (workers) => {
  test("answers what is asked and refuses with the turn's own error code", async () => {
    const { system } = await startTestSystem({ workers });

    expect(await system.ask(at("counter", "a"), { type: "add", n: 7 })).toBe(7);
    await expect(system.ask(at("nobody", "a"), {})).rejects.toMatchObject({ code: "UNKNOWN_KIND" });
  });

  test("lists a tenant's runs from the newest on, page by page", async () => {
    const { system } = await startTestSystem({ workers });
    const message = { type: "start", kind: "writer", input: { pieces: ["a"] } };
    for (const root of ["a", "b", "c"]) await collect(system.stream(at("desk", root), message));

    const rootsOf = ({ rows }: RunList): unknown[] => rows.map((run) => run.address.split("/")[1]);
    const newest = await system.runs("tn_1", { limit: 2 });
    const oldest = await system.runs("tn_1", { limit: 2, after: newest.next ?? "" });
    const others = await system.runs("tn_1", { limit: 2, kinds: ["nobody"] });

    expect([rootsOf(newest), rootsOf(oldest)]).toEqual([["c", "b"], ["a"]]);
    expect(newest.next).toBe(newest.rows[1]?.id);
    expect(oldest.next).toBeNull();
    // Those of other kinds are left out, and the list goes on after them.
    expect(others).toEqual({ rows: [], next: newest.next });
    expect(rootsOf(await system.runs("tn_1", { limit: 9, kinds: ["writer"] }))).toHaveLength(3);
    expect(await system.runs("tn_2", { limit: 2 })).toEqual({ rows: [], next: null });
    expect(await system.deadLetters("tn_1", { limit: 2 })).toEqual([]);
  });

  test("streams accept, text, its truth and the end", async () => {
    const { system } = await startTestSystem({ workers });
    const input = { pieces: ["Hel", "lo ", "wörld"] };

    const frames = await collect(
      system.stream(at("desk", "a"), { type: "start", kind: "writer", input }),
    );

    expect(frames[0]).toMatchObject({ type: "accepted" });
    expect(textOf(frames)).toBe("Hello wörld");
    expect(frames.at(-1)).toMatchObject({
      type: "end",
      outcome: { status: "completed" },
      reply: { status: "completed" },
      counters: { ends: 1 },
    });
  });

  test("sends only accept and end to a caller that waits for the whole answer", async () => {
    const { system } = await startTestSystem({ workers });
    const message = { type: "start", kind: "writer", input: { pieces: ["a", "b"] } };

    const frames = await collect(system.stream(at("desk", "a"), message, { endOnly: true }));

    expect(frames.map((frame) => frame.type)).toEqual(["accepted", "end"]);
  });

  test("lets a second connection follow from a cursor while the run goes on", async () => {
    const { system } = await startTestSystem({ workers });
    const stream = system.stream(at("desk", "a"), { type: "start", kind: "parts" });
    let run = "";
    let cursor = "";
    for await (const batch of stream) {
      for (const frame of batch) {
        if (frame.type === "accepted") run = String(frame.run);
        if (frame.type === "text-end") cursor = frame.id;
      }
      if (cursor !== "") break;
    }
    const rest = collect(system.follow("tn_1", run, { after: cursor }));
    await system.decide("tn_1", run, "go", true);

    expect(textOf(await rest)).toBe("second");
    expect(textOf(await collect(system.follow("tn_1", run)))).toBe("first second");
    expect(await system.run("tn_1", run)).toMatchObject({ status: "completed", kind: "parts" });
  });

  test("cancels a run that waits in a step", async () => {
    const { system } = await startTestSystem({ workers });
    const frames = [];
    for await (const batch of system.stream(at("desk", "a"), { type: "start", kind: "patient" })) {
      for (const frame of batch) {
        frames.push(frame);
        if (frame.type === "text") await system.cancel("tn_1", frame.run, "enough");
      }
    }

    expect(frames.at(-1)).toMatchObject({ type: "end", outcome: { status: "cancelled" } });
  });

  test("says NOT_FOUND for a run nobody started", async () => {
    const { system } = await startTestSystem({ workers });

    await expect(collect(system.follow("tn_1", "rn_none"))).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(system.cancel("tn_1", "rn_none", "x")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("ends a question at its caller's signal and at its deadline", async () => {
    const { system } = await startTestSystem({ workers, watchdogMs: 600_000 });
    const gone = AbortSignal.abort();

    await expect(
      system.ask(at("counter", "a"), { type: "all" }, { signal: gone }),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(
      collect(system.stream(at("desk", "a"), { type: "start", kind: "patient" }, { signal: gone })),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    const late = system.ask(at("counter", "b"), { type: "all" }, { timeoutMs: -1_000 });
    await expect(late).rejects.toMatchObject({ code: "DEADLINE" });
  });

  test("runs compute tasks for the runs of its workers", async () => {
    const { system } = await startTestSystem({ workers });
    const message = { type: "start", kind: "asking", input: { n: 21 } };

    const frames = await collect(system.stream(at("desk", "a"), message));

    expect(frames.at(-1)).toMatchObject({ reply: { status: "completed", result: 42 } });
  });

  test("lets its runs write to bulk, though nobody has before, and judges each batch by itself", async () => {
    const { system } = await startTestSystem({ workers });
    const start = (key: string) => ({ type: "start", kind: "archivist", input: { key } });

    for (const key of ["u/a", "u/b"]) {
      const frames = await collect(system.stream(at("desk", key.slice(2)), start(key)));
      expect(frames.at(-1)).toMatchObject({
        reply: { status: "completed", result: ["CONDITION_FAILED", "kept"] },
      });
    }

    const rows = await system.bulk.range({ from: "u/", to: "u~", limit: 10 });
    expect(rows.map(({ key }) => key)).toEqual(["u/a", "u/a2", "u/b", "u/b2"]);
  });

  test("stops cleanly, and a new start on the same folder finds everything", async () => {
    const first = await startTestSystem({ workers });
    await first.system.ask(at("counter", "a"), { type: "add", n: 1 });
    await first.system.send(at("counter", "a"), { type: "add", n: 2 });
    await first.system.tables.write("tn_1", [{ type: "put", table: "t", id: "x", value: 1 }]);
    const run = await new Promise<string>((resolve, reject) => {
      const open = async (): Promise<void> => {
        for await (const batch of first.system.stream(at("desk", "a"), {
          type: "start",
          kind: "parts",
        })) {
          for (const frame of batch) if (frame.type === "text-end") resolve(frame.run);
        }
      };
      open().catch((error: unknown) => {
        if ((error as { code?: string }).code !== "SHUTTING_DOWN") reject(error);
      });
    });
    await first.system.stop();
    await expect(first.system.ask(at("counter", "a"), { type: "all" })).rejects.toMatchObject({
      code: "SHUTTING_DOWN",
    });

    const { system } = await startTestSystem({ workers }, first.folder);
    await system.decide("tn_1", run, "go", true);

    expect(await system.ask(at("counter", "a"), { type: "all" })).toEqual([1, 2]);
    expect(await system.tables.get("tn_1", "t", "x")).toMatchObject({ value: 1 });
    expect(textOf(await collect(system.follow("tn_1", run)))).toBe("first second");
  });

  test("whoever has handed the folder over still reads, also what the next one writes", async () => {
    const [first, ended] = [await startTestSystem({ workers }), await startTestSystem({ workers })];
    const write = (system: typeof first.system, value: number) =>
      system.tables.write("tn_1", [{ type: "put", table: "t", id: "x", value }]);
    await write(first.system, 1);
    const successor = { async *follow() {}, cancel: async () => undefined };

    await Promise.all([first.system.stop(0, successor), ended.system.stop(0)]);
    expect(await first.system.tables.get("tn_1", "t", "x")).toMatchObject({ value: 1 });
    const { system } = await startTestSystem({ workers }, first.folder);
    await write(system, 2);

    expect(await first.system.tables.get("tn_1", "t", "x")).toMatchObject({ value: 2 });
    await expect(write(first.system, 3)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await expect(async () => ended.system.tables.get("tn_1", "t", "x")).rejects.toThrow();
  });

  test("shows live figures of all its engines", async () => {
    const { system } = await startTestSystem({ workers });
    await system.ask(at("counter", "a"), { type: "add", n: 1 });

    const figures = await system.inspect();

    expect(figures).toMatchObject({ deaths: 0, door: { requests: 1 }, boots: 1 });
    expect(figures).toHaveProperty("total.counters.commits");
  });
});
