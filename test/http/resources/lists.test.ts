// Lists of records through the real door: filters, search and order, the same for agents and for every
// kind of resource, and pages that stay right while records come, change and go.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(100_000);
});
afterAll(() => host.stop());

const lists = [
  ["/v2/agents", {}],
  ["/v2/prompts", { template: "x" }],
] as const;

const names = (body: Json): readonly string[] => body.data.map(({ name }: Json) => name);

/** A small generator of its own, so that a failure can be run again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

describe.each(lists)("%s", (path, rest) => {
  /** Each test's records have a word of their own in their description. */
  const make = async (word: string, all: readonly string[]): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (const name of all) {
      const body = { name, description: `of ${word}`, ...rest };
      ids.push((await host.call("POST", path, body)).body.id);
    }
    return ids;
  };
  const get = (query: string) => host.call("GET", `${path}?${query}`);
  const readAll = async (query: string, between = async () => {}): Promise<readonly Json[]> => {
    const seen: Json[] = [];
    for (let cursor = ""; ; ) {
      const { status, body } = await get(`${query}${cursor}`);
      expect([query, status]).toEqual([query, 200]);
      seen.push(...body.data);
      if (body.next_cursor === null) return seen;
      cursor = `&cursor=${body.next_cursor}`;
      await between();
    }
  };

  test("every word of q must occur in the searched fields, whatever its case", async () => {
    await make("Sëarching", ["Alpha One", "Alpha Two", "Beta One"]);

    const both = await get("q=sëarching");
    const words = await get("q=ONE+alpha+sËarching");
    const none = await get("q=sëarching+gamma");

    expect(names(both.body)).toEqual(["Alpha One", "Alpha Two", "Beta One"]);
    expect(names(words.body)).toEqual(["Alpha One"]);
    expect(none.body).toEqual({ data: [], next_cursor: null });
  });

  test("a filter wants one of its values, exactly", async () => {
    await make("filters", ["Fa", "Fb", "fa"]);

    expect(names((await get("name=Fa")).body)).toEqual(["Fa"]);
    expect(names((await get("name=Fa&name=fa")).body)).toEqual(["Fa", "fa"]);
    expect(names((await get("name=Fa&q=nothing-of-it")).body)).toEqual([]);
    expect(names((await get("name=")).body)).toEqual([]);
  });

  test("a list is sorted either way, ties by id, and the same page by page", async () => {
    const ids = await make("sorted", ["b", "A", "c", "a", "B", "a"]);
    const place = (id: string): number => ids.indexOf(id);

    const up = await readAll("q=sorted&sort=name&limit=100");
    const down = await readAll("q=sorted&sort=-name&limit=100");
    const stepUp = await readAll("q=sorted&sort=name&limit=1");
    const stepDown = await readAll("q=sorted&sort=-name&limit=2");
    const newest = await readAll("q=sorted&sort=-created_at&limit=4");

    expect(up.map(({ id }) => place(id))).toEqual([1, 3, 5, 0, 4, 2]);
    expect(down).toEqual([...up].reverse());
    expect(stepUp).toEqual(up);
    expect(stepDown).toEqual(down);
    expect(newest.map(({ id }) => place(id))).toEqual([5, 4, 3, 2, 1, 0]);
  });

  test("what was just written is in the next list, and what was removed is not", async () => {
    const [id = ""] = await make("fresh", ["Before"]);
    const shown = async () => names((await get("q=fresh")).body);

    const first = await shown();
    await host.call("PATCH", `${path}/${id}`, { name: "After" });
    const changed = await shown();
    await make("fresh", ["New"]);
    const added = await shown();
    await host.call("DELETE", `${path}/${id}`);

    expect([first, changed, added, await shown()]).toEqual([
      ["Before"],
      ["After"],
      ["After", "New"],
      ["New"],
    ]);
  });

  test("a cursor is of its own question alone", async () => {
    await make("cursors", ["One", "Two", "Three"]);
    const { body } = await get("q=cursors&sort=name&limit=1");
    const plain = await get("limit=1");

    const same = await get(`q=cursors&sort=name&limit=2&cursor=${body.next_cursor}`);
    const others = [
      `sort=name&cursor=${body.next_cursor}`,
      `q=cursors&sort=-name&cursor=${body.next_cursor}`,
      `q=cursor&sort=name&cursor=${body.next_cursor}`,
      `q=cursors&sort=name&name=One&cursor=${body.next_cursor}`,
      `cursor=${body.next_cursor}`,
      `q=cursors&sort=name&cursor=${plain.body.next_cursor}`,
      "q=cursors&sort=name&cursor=garbage",
    ];

    expect(names(same.body)).toEqual(["Three", "Two"]);
    for (const query of others) {
      const { status, body: said } = await get(query);
      expect([query, status, said.code]).toEqual([query, 400, "INVALID"]);
    }
  });

  test("what no list knows is refused and named", async () => {
    const wrong = [
      ["sort=description", "sort must be one of created_at, updated_at, name"],
      [`q=${"x".repeat(201)}`, "q must have at most 200 characters."],
      ["nome=x", 'There is no query parameter "nome"'],
      [`${"name=a&".repeat(21)}`, "name may be given at most 20 times."],
      ["sort=name&limit=0", "limit must be a whole number from 1 to 100."],
    ];
    for (const [query = "", message] of wrong) {
      const { status, body } = await get(query);
      expect([query, status, body.detail.startsWith(message)]).toEqual([query, 400, true]);
    }
  });

  test("whatever comes, changes and goes between pages, the others are seen once", async () => {
    const word = "moving";
    const all = Array.from({ length: 24 }, (_, at) => `${"mnop"[at % 4]}${at % 7}`);
    for (const [seed, sort] of ["name", "-name", "-updated_at", "created_at"].entries()) {
      const next = random(seed + 1);
      const ids = await make(`${word}${seed}`, all);
      const touched = new Set<string>();
      const disturb = async (): Promise<void> => {
        const id = ids[next(ids.length)] ?? "";
        const what = next(3);
        if (what === 0) await make(`${word}${seed}`, [`${"mnop"[next(4)]}new`]);
        else {
          touched.add(id);
          const name = `${"lmnopq"[next(6)]}x`;
          if (what === 1) await host.call("DELETE", `${path}/${id}`);
          else await host.call("PATCH", `${path}/${id}`, { name });
        }
      };

      const seen = await readAll(`q=${word}${seed}&sort=${sort}&limit=3`, disturb);

      const calm = ids.filter((id) => !touched.has(id));
      const count = (id: string): number => seen.filter((one) => one.id === id).length;
      expect([sort, calm.filter((id) => count(id) !== 1)]).toEqual([sort, []]);
      expect(touched.size).toBeGreaterThan(2);
    }
  });
});
