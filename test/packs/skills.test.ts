// Skills in packs through the real door: their files are a version of a record, shown by what changed of
// them, taken back, written out, and refused where an upload is, in the place where it is wrong.

import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeError } from "../../runtime/errors.ts";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import { skillText } from "../support/skill-files.ts";
import type { Json } from "../support/wire-client.ts";

let desk: PackDesk;

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(10_000);
});
afterAll(() => desk.host.stop());

/** A pack with a skill of a folder, one that is written in it, and who names them. */
const source = (name: string): string => `
pack: ${name}
parameters:
  rate: { type: string, default: 7% }
skills:
  - { key: tax, folder: skills/${name}-tax }
  - key: mail
    files:
      - path: SKILL.md
        text: |
          ---
          name: ${name}-mail
          description: Writes mail.
          ---
          The rate is \${{ parameters.rate }}, said as $\${{ rate }}.
      - { path: assets/seal.bin, base64: AP8A/w== }
      - { path: references/style.md, file: docs/style.md }
agents:
  - key: desk
    name: Desk of ${name}
    skills: [{ id: { ref: tax } }, { name: ${name}-mail }]
    sub_agents:
      - { key: sub, name: Sub, trigger: { keywords: [tax] }, skills: [{ id: { ref: mail } }] }
`;

const files = (name: string, rate = "Rate: 7%."): Readonly<Record<string, string>> => ({
  "docs/style.md": "Be kind.",
  [`skills/${name}-tax/SKILL.md`]: skillText(`${name}-tax`, "Look into references/rates.md."),
  [`skills/${name}-tax/references/rates.md`]: rate,
});

const ids = ({ body }: { readonly body: Json }): Json =>
  Object.fromEntries(body.pack.objects.map((one: Json) => [one.name, one.id]));
const get = (path: string) => desk.host.call("GET", path);
const contentOf = async (id: string, path: string): Promise<string> => {
  const { host } = desk;
  const query = `path=${encodeURIComponent(path)}`;
  const headers = { "X-API-Key": host.key };
  return await (await fetch(`${host.url}/v2/skills/${id}/content?${query}`, { headers })).text();
};

test("skills are made of a folder and of what is written, and agents name them by key or name", async () => {
  const applied = await desk.apply(source("one"), { files: files("one") });

  expect(applied.body.detail).toBeUndefined();
  const { tax, mail, desk: agent } = ids(applied);
  expect((await get(`/v2/skills/${tax}`)).body).toMatchObject({ name: "one-tax", file_count: 2 });
  expect(await contentOf(tax, "references/rates.md")).toBe("Rate: 7%.");
  expect(await contentOf(mail, "SKILL.md")).toContain(`The rate is 7%, said as \${{ rate }}.`);
  expect(await contentOf(mail, "references/style.md")).toBe("Be kind.");
  const { body } = await get(`/v2/agents/${agent}`);
  expect(body.skills).toEqual([{ id: tax }, { id: mail }]);
  const sub = await get(`/v2/agents/${agent}/sub-agents/${body.sub_agents[0]}`);
  expect(sub.body.skills).toEqual([{ id: mail }]);
  const again = await desk.apply(source("one"), { files: files("one") });
  expect(again.body.plan.summary).toEqual({ create: 0, update: 0, delete: 0, unchanged: 3 });
});

test("a plan shows which file of a skill changes, the apply is its next version, and going back a third", async () => {
  const first = await desk.apply(source("two"), { files: files("two") });
  const { tax } = ids(first);
  const state = await desk.state();

  const changed = { files: files("two", "Rate: 8%.") };
  const plan = await desk.plan(source("two"), changed);
  expect(await desk.state()).toBe(state);
  expect(plan.body.summary).toEqual({ create: 0, update: 1, delete: 0, unchanged: 2 });
  const { fields } = plan.body.changes.find((one: Json) => one.name === "tax");
  expect(fields).toMatchObject([{ pointer: "/files/references~1rates.md" }]);
  const tree = "skill-trees";
  const trees = await desk.host.system.tables.list(desk.host.tenant, tree, { limit: 200 });

  await desk.apply(source("two"), changed);
  expect((await get(`/v2/skills/${tax}`)).body.version).toBe(2);
  expect(await contentOf(tax, "references/rates.md")).toBe("Rate: 8%.");
  await desk.host.call("POST", `/v2/packs/${first.body.pack.id}/rollback`, {});

  expect((await get(`/v2/skills/${tax}`)).body.version).toBe(3);
  expect(await contentOf(tax, "references/rates.md")).toBe("Rate: 7%.");
  const now = await desk.host.system.tables.list(desk.host.tenant, tree, { limit: 200 });
  expect(now.length).toBe(trees.length + 1);
});

test("what somebody changed of a skill is drift, and is overwritten", async () => {
  const { tax } = ids(await desk.apply(source("hand"), { files: files("hand") }));
  const hand = { files: [{ path: "SKILL.md", text: skillText("hand-tax", "Do as you like.") }] };
  await desk.host.call("PUT", `/v2/skills/${tax}`, hand);

  const applied = await desk.apply(source("hand"), { files: files("hand") });

  expect(applied.body.plan.drift).toMatchObject([{ kind: "skill", name: "tax" }]);
  expect(await contentOf(tax, "references/rates.md")).toBe("Rate: 7%.");
});

test("a skill that is in the pack no more goes with its files, and its name is free", async () => {
  const { tables } = desk.host.system;
  const { tenant } = desk.host;
  const bytes = () => tables.counter(tenant, "skill-bytes");
  const rowsOf = async (id: string): Promise<number> => {
    const of = ["skills", "skills-versions", "skill-trees", "skill-blobs", "skill-files"];
    const all = of.map((table) => tables.list(tenant, table, { prefix: id, limit: 10 }));
    return (await Promise.all(all)).flat().length;
  };
  const before = await bytes();
  const { tax, mail } = ids(await desk.apply(source("gone"), { files: files("gone") }));
  const sum = await bytes();

  const less = source("gone")
    .replace(/ {2}- \{ key: tax.*\n/, "")
    .replace("{ id: { ref: tax } }, ", "");
  const { plan } = (await desk.apply(less, { files: files("gone") })).body;

  expect(plan.summary).toMatchObject({ update: 1, delete: 1 });
  expect(await rowsOf(tax)).toBe(0);
  expect(await rowsOf(mail)).toBeGreaterThan(0);
  expect(await bytes()).toBeLessThan(sum);
  expect((await desk.apply(source("gone"), { files: files("gone") })).status).toBe(200);
  const { id } = (await get("/v2/packs?limit=100")).body.data.find(
    (one: Json) => one.name === "gone",
  );
  expect((await desk.host.call("DELETE", `/v2/packs/${id}`)).status).toBe(204);
  expect(await bytes()).toBe(before);
});

test("a skill that another agent names stays, and the pack is refused", async () => {
  const { tax } = ids(await desk.apply(source("used"), { files: files("used") }));
  const other = { name: "Other", skills: [{ id: tax }] };
  const { id } = (await desk.host.call("POST", "/v2/agents", other)).body;
  const state = await desk.state();

  const told = await desk.apply("pack: used");

  expect(told.status).toBe(409);
  expect(told.body.detail).toContain(id);
  expect(await desk.state()).toBe(state);
});

test("an apply that fails when it is stored leaves no file of a skill", async () => {
  const state = await desk.state();
  const broken = desk.serviceOver(async (writes) => {
    const isIt = writes.some((write) => write.type !== "add" && write.table === "packs");
    if (isIt) throw new RuntimeError("STORE_FAILED", "The disk is gone.");
  });
  const caller = { tenant: desk.host.tenant, keyId: null, service: "packs" };

  const apply = broken.apply(caller, { source: source("torn"), files: files("torn") }, null);

  await expect(apply).rejects.toThrow("The disk is gone.");
  expect(await desk.state()).toBe(state);
});

test("an export has the files of skills, texts and others, and applied elsewhere gives the same", async () => {
  const applied = await desk.apply(source("out"), { files: files("out") });
  const { id } = applied.body.pack;
  const first = (await get(`/v2/packs/${id}/export`)).body;
  const key = desk.host.otherKey;

  const there = await desk.host.call("POST", "/v2/packs", { source: first.source }, { key });

  expect(there.body.detail).toBeUndefined();
  expect(first.source).not.toMatch(/sk_/);
  const second = await desk.host.call("GET", `/v2/packs/${there.body.pack.id}/export`, undefined, {
    key,
  });
  expect(second.body.source).toBe(first.source);
  // By the id of an agent alone the skills that it names are there too.
  const byId = { pack: "again", ids: [ids(applied).desk] };
  const { source: again } = (await desk.host.call("POST", "/v2/packs/export", byId)).body;
  expect(again).toContain("base64: AP8A/w==");
  expect(again).toContain("name: out-tax");
});

const inline = (text: string): string =>
  `pack: wrong\nskills:\n  - key: a\n    files:\n      - path: SKILL.md\n        text: ${JSON.stringify(text)}\n`;
const beside = "pack: wrong\nskills:\n  - { key: a, folder: skills/a }\n";

test.each<[string, string, Readonly<Record<string, string>>, string]>([
  [
    "front matter in a file of a folder",
    beside,
    { "skills/a/SKILL.md": "---\nname: a\ndescription: x\nx: {constructor: y}\n---\n" },
    "skills/a/SKILL.md:4:4: SKILL.md, line 4, column 4: no field is named constructor",
  ],
  [
    "front matter that is written in the pack",
    inline("---\nname: A B\ndescription: x\n---\n"),
    {},
    "pack.yaml:5:9: SKILL.md, line 2, column 7: name has 1 to 64",
  ],
  ["a folder that is empty", beside, {}, "pack.yaml:3:15: No file below skills/a was sent"],
  [
    "a folder above the pack's",
    "pack: wrong\nskills:\n  - { key: a, folder: ../a }\n",
    { "../a/SKILL.md": skillText("a") },
    "pack.yaml:3:15: A folder is named by a path below the pack's own",
  ],
  [
    "a file that was not sent",
    "pack: wrong\nskills:\n  - { key: a, files: [{ path: SKILL.md, file: a.md }] }\n",
    {},
    "pack.yaml:3:41: The file a.md was not sent with the pack.",
  ],
  [
    "a file with a text and base64",
    "pack: wrong\nskills:\n  - { key: a, files: [{ path: SKILL.md, text: a, base64: AA== }] }\n",
    {},
    "pack.yaml:3:23: A file of a skill has a text, base64 or a file.",
  ],
  [
    "neither files nor a folder",
    "pack: wrong\nskills:\n  - { key: a }\n",
    {},
    "pack.yaml:3:5: A skill has either files or a folder with them.",
  ],
  [
    "a path that leads out of the skill",
    `${inline(skillText("a"))}      - { path: ../b, text: b }\n`,
    {},
    'pack.yaml:7:9: The entry "../b" is refused',
  ],
  [
    "a file of more than 5 MiB",
    beside,
    { "skills/a/SKILL.md": skillText("a"), "skills/a/b": "b".repeat(5 * 1_024 * 1_024 + 1) },
    'pack.yaml:3:15: The entry "b" is refused: it has 5242881 bytes',
  ],
  [
    "a name that another skill has",
    `${inline(skillText("one-tax"))}`,
    {},
    "pack.yaml:3:5: Skill sk_",
  ],
  [
    "an agent with a skill that is not there",
    "pack: wrong\nagents:\n  - { key: a, name: A, skills: [{ id: sk_none }] }\n",
    {},
    "pack.yaml:3:35: ",
  ],
  [
    "a sub-agent with a skill that is not there",
    "pack: wrong\nagents:\n  - { key: a, name: A, sub_agents: [{ key: b, name: B, skills: [{ name: none }] }] }\n",
    {},
    'pack.yaml:3:67: There is no skill "none".',
  ],
])("%s is refused in its place, and nothing is stored", async (_, pack, sent, message) => {
  const state = await desk.state();

  const told = await desk.apply(pack, { files: sent });

  expect(told.status).toBe(400);
  expect(told.body.detail.slice(0, message.length)).toBe(message);
  expect(await desk.state()).toBe(state);
});
