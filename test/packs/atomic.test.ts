// An apply is all or nothing: a failure at each write, and the death of the process at each, leave every
// table as it was, or as it has to be.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { PackRequest } from "../../adapters/packs/pack-source.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(100_000);
});
afterAll(() => desk.host.stop());

const caller = () => ({ tenant: desk.host.tenant, keyId: null, service: "packs" });

const first = (name: string): PackRequest => ({
  source: `
pack: ${name}
collections:
  - key: pages
    name: Pages
    documents: [{ id: a, text: Alpha is first. }, { id: b, text: Beta is second. }]
agents:
  - key: desk
    name: Desk
    sub_agents: [{ key: docs, name: Docs, use_rag: true, collection_key: { ref: pages } }]
`,
});

const second = (name: string): PackRequest => ({
  source: `
pack: ${name}
collections:
  - key: pages
    name: Pages anew
    documents: [{ id: a, text: Alpha is the first. }, { id: c, text: Gamma is third. }]
  - { key: more, name: More, documents: [{ id: d, text: Delta is fourth. }] }
prompts:
  - { key: style, name: Style of ${name}, template: Be brief. }
skills:
  - key: way
    files: [{ path: SKILL.md, text: "---\\nname: ${name}\\ndescription: The way.\\n---\\nBy the river." }]
`,
});

/** What a tenant sees of a pack: its records and the texts of its documents. */
async function seen(name: string): Promise<unknown> {
  const { data } = (await desk.host.call("GET", "/v2/packs?limit=100")).body;
  const pack = data.find((one: { readonly name: string }) => one.name === name);
  if (pack === undefined) return null;
  const { source } = (await desk.host.call("GET", `/v2/packs/${pack.id}/export`)).body;
  return [pack.version, source];
}

const tablesOf = async (): Promise<readonly unknown[]> => {
  const { tables } = desk.host.system;
  const open = [
    ...(await tables.list("tn_system", "pack-applies", { limit: 10 })),
    ...(await tables.list("tn_system", "pack-documents", { limit: 10 })),
    ...(await tables.list(desk.host.tenant, "collections-coming", { limit: 10 })),
  ];
  return open;
};

test.each(["refused", "died"] as const)(
  "an apply whose write is %s, whichever it is, is undone or finished",
  { timeout: 180_000 },
  async (how) => {
    const packs = await desk.services.packs();
    let ended = false;
    for (let at = 1; !ended; at += 1) {
      const name = `at-${how}-${at}`;
      await packs.apply(caller(), first(name), null);
      const before = await seen(name);
      let writes = 0;
      const broken = desk.serviceOver(async () => {
        writes += 1;
        const isIt = how === "refused" ? writes === at : writes >= at;
        if (isIt) throw new RuntimeError("STORE_FAILED", "The disk is gone.");
      });

      ended = await broken.apply(caller(), second(name), null).then(
        () => writes < at,
        () => false,
      );
      // The process that comes after it.
      const next = desk.serviceOver(async () => undefined);
      await next.recover();

      const after = await seen(name);
      const isDone = (after as readonly [number, string])[0] === 2;
      if (!isDone) expect(after, `write ${at}`).toEqual(before);
      else expect(String(after), `write ${at}`).toContain("Gamma is third.");
      if (isDone) expect(String(after)).not.toContain("Beta is second.");
      expect(await tablesOf(), `write ${at}`).toEqual([]);
    }
  },
);

test("what an apply that failed had taken in for a new collection is found by nobody", async () => {
  const state = await desk.state();
  const broken = desk.serviceOver(async (writes) => {
    const isLast = writes.some((write) => write.type !== "add" && write.table === "packs");
    if (isLast) throw new RuntimeError("STORE_FAILED", "The disk is gone.");
  });

  await expect(broken.apply(caller(), first("lost"), null)).rejects.toThrow("The disk is gone.");

  expect(await desk.state()).toBe(state);
  expect(await tablesOf()).toEqual([]);
});

test("what somebody changes of an agent just before an apply is stored stays, and the apply is refused", async () => {
  const packs = await desk.services.packs();
  const { row } = await packs.apply(caller(), first("raced"), null);
  const agent = row.objects["desk"]?.id;
  let patched = 0;
  const racing = desk.serviceOver(async (writes) => {
    const isLast = writes.some((write) => write.type !== "add" && write.table === "packs");
    if (!isLast) return;
    const answer = await desk.host.call("PATCH", `/v2/agents/${agent}`, { temperature: 2 });
    patched = answer.status;
  });
  const { source } = first("raced");
  const changed = { source: source.replace("name: Desk", "name: Desk anew") };

  await expect(racing.apply(caller(), changed, null)).rejects.toMatchObject({
    code: "REVISION_MISMATCH",
  });

  expect(patched).toBe(200);
  const { body } = await desk.host.call("GET", `/v2/agents/${agent}`);
  expect(body).toMatchObject({ name: "Desk", temperature: 2, version: 2 });
});
