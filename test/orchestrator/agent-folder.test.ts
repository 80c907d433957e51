// Hostile folders of agents: whatever lies in one file harms no other, nothing is taken that was not meant, and
// values of variables are told to nobody.

import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { systemTenant } from "../../actors/records/api-key.ts";
import { auditTable } from "../../actors/records/audit.ts";
import { keepAgentFolder } from "../../adapters/orchestrator/folder.ts";
import type { Variables } from "../../adapters/orchestrator/variables.ts";
import type { Log } from "../../runtime/log.ts";
import { type PackDesk, startPackDesk } from "../support/pack-desk.ts";
import type { Json } from "../support/wire-client.ts";

const PATH = "/agents/v1/agents";
let desk: PackDesk;
let root: string;
let folder: string;
let stop: () => void = () => undefined;
/** What the server's log was told. */
let lines: string[] = [];

beforeAll(async () => {
  desk = await startPackDesk();
  root = mkdtempSync(join(tmpdir(), "troupe-agent-folder-"));
});
afterAll(async () => {
  await desk.host.stop();
  rmSync(root, { recursive: true });
});
const within = { timeout: 10_000, interval: 10 };
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, `folder-${count}`);
  mkdirSync(folder);
  lines = [];
});
afterEach(async () => {
  stop();
  // Of the next test there are no others' agents.
  (await keep({}, null))();
  expect(await running()).toEqual([]);
  for (const key of [undefined, desk.host.otherKey]) {
    const as = key === undefined ? {} : { key };
    const { data } = (await desk.host.call("GET", PATH, undefined, as)).body;
    for (const { id } of data) await desk.host.call("DELETE", `${PATH}/${id}`, undefined, as);
  }
});

const log: Log = {
  write: (level: string, message: string, fields?: unknown) => {
    lines.push(JSON.stringify([level, message, fields]));
  },
} as never;

async function keep(
  variables: Variables = {},
  of: string | null = folder,
  clientId: string | null = null,
): Promise<() => void> {
  const { host, services } = desk;
  const { tables } = host.system;
  const orchestrator = await services.orchestrator();
  stop = await keepAgentFolder({
    ...{ tables, orchestrator, log, folder: of, clientId, firstTenant: host.tenant },
    variables: { CLIENT_ID: null, ...variables },
  });
  return stop;
}

const put = (file: string, text: string): void => writeFileSync(join(folder, file), text);
const look = (): void => {
  process.emit("SIGHUP", "SIGHUP");
};
const list = async (): Promise<Json> =>
  (await desk.host.call("GET", `${PATH}?limit=100`)).body as Json;
const running = async (): Promise<readonly string[]> =>
  (await list()).data
    .filter((one: Json) => one.file !== null)
    .map((one: Json) => `${one.file} ${one.name}`)
    .sort();
/** By their files, of each the first. */
const problems = async (): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries((await list()).problems.map((one: Json) => [one.file, one.problem]).reverse());
test("whatever lies in one file harms no other, and is said of it alone", async () => {
  put("a-deep.yaml", `name: ${"[".repeat(100_000)}`);
  put("b-bomb.yaml", `name: x\na: &a [1,1,1,1,1,1,1,1]\n${bomb}`);
  put("c-twice.yaml", "name: x\nname: y\n");
  put("d-two.yaml", "name: x\n---\nname: y\n");
  put("e-binary.yaml", "\u0000\u0001\ufffd");
  put("f-list.yaml", "- name: x\n");
  put("g-proto.yaml", "name: x\n__proto__: { status: stopped }\nconstructor: 1\n");
  put("h-empty.yaml", "");
  put("i-tag.yaml", "name: !!js/function 'function () {}'\nmodel: !!binary aGk=\n");
  mkdirSync(join(folder, "j-folder.yaml"));
  symlinkSync(join(folder, "nowhere"), join(folder, "k-dangling.yaml"));
  execFileSync("mkfifo", [join(folder, "l-pipe.yaml")]);
  put("m-huge.yaml", "name: x\n");
  truncateSync(join(folder, "m-huge.yaml"), 2 ** 40);
  put("n-null.yaml", "~\n");
  put(".hidden.yaml", "name: hidden\n");
  put("troupe.yaml", "port: 1\n");
  put("settings.json", "{}");
  put("z-good.yaml", "\ufeffname: good\r\ndescription: Said with a mark and returns.\r\n");
  await keep();

  expect(await running()).toEqual(["z-good.yaml good"]);
  const told = await problems();
  const files = Object.keys(told).map((file) => file.slice(0, 1));
  expect(files.sort()).toEqual([..."abcdefghijklmn"]);
  expect(told["c-twice.yaml"]).toMatch(/^c-twice\.yaml:2:1: /);
  expect(told["d-two.yaml"]).toMatch(/^d-two\.yaml:\d:1: /);
  expect(told["g-proto.yaml"]).toMatch(/^g-proto\.yaml:\d:1: unknown field "/);
  expect(told["h-empty.yaml"]).toMatch(/^h-empty\.yaml:1:1: /);
  expect(told["j-folder.yaml"]).toBe("j-folder.yaml: is no regular file");
  expect(told["k-dangling.yaml"]).toBe("k-dangling.yaml: cannot be read (ENOENT)");
  expect(told["l-pipe.yaml"]).toBe("l-pipe.yaml: is no regular file");
  expect(told["m-huge.yaml"]).toBe("m-huge.yaml: has 1099511627776 bytes, the limit is 262144");
  expect(Object.values(told).join()).not.toContain(root);
}, 30_000);

const bomb = [..."bcdefgh"]
  .map((name, at) => `${name}: &${name} [${`*${"abcdefg"[at]},`.repeat(8)}]`)
  .join("\n");

test("a name belongs to the file that had it, also where another one stands before it or came while nothing ran", async () => {
  put("m.yaml", "name: Mine\n");
  await keep();
  put("a.yaml", "name: Mine\n");
  look();
  await expect.poll(problems, within).toMatchObject({
    "a.yaml": 'a.yaml:1:7: the file m.yaml has an agent of the name "Mine" already',
  });
  stop();
  await keep();
  expect(await running()).toEqual(["m.yaml Mine"]);

  put("m.yaml", "name: Other\n");
  look();
  await expect.poll(running, within).toEqual(["a.yaml Mine", "m.yaml Other"]);
  const taken = '"An agent is as its file says.",{"file":"a.yaml"}';
  await expect.poll(() => lines.join("\n"), within).toContain(taken);
});

test("an agent of the API that has a file's name stays another agent", async () => {
  const made = await desk.host.call("POST", PATH, { name: "Same" });
  const plain = await desk.host.call("POST", "/v2/agents", { name: "Same", model_name: "m-1" });
  put("same.yaml", "name: Same\ndescription: Of the file.\n");
  await keep();

  const all = (await list()).data.filter(({ name }: Json) => name === "Same");
  expect(all.map((one: Json) => one.origin).sort()).toEqual(["agents_v1", "file"]);
  expect((await desk.host.call("GET", `${PATH}/${made.body.id}`)).body.version).toBe(1);
  expect((await desk.host.call("GET", `${PATH}/${plain.body.id}`)).status).toBe(404);
  expect((await desk.host.call("DELETE", `${PATH}/${made.body.id}`)).status).toBe(204);
});

test("a renamed file is the same agent, a folder that is a link is followed, and one that is gone changes nothing", async () => {
  const real = join(root, `real-${count}`);
  renameSync(folder, real);
  symlinkSync(real, folder);
  put("one.yaml", "name: One\n");
  await keep();
  const [{ id }] = (await list()).data;
  renameSync(join(real, "one.yaml"), join(real, "uno.yml"));
  look();
  await expect.poll(running, within).toEqual(["uno.yml One"]);
  expect((await list()).data[0].id).toBe(id);

  rmSync(folder);
  look();
  await expect.poll(() => lines.join("\n"), within).toContain("could not be looked at");
  expect(await running()).toEqual(["uno.yml One"]);
  symlinkSync(real, folder);
  put("uno.yml", "name: One\ndescription: Back.\n");
  look();
  await expect.poll(async () => (await list()).data[0].description, within).toBe("Back.");
});

test("a new file that was refused is taken when it is put right, also in what was found last", async () => {
  put("new.yaml", "name: New\ntriggers:\n  - { type: schedule, cron: often }\n");
  await keep();
  expect(await problems()).toMatchObject({
    "new.yaml": expect.stringMatching(/^new\.yaml:3:29: /),
  });
  put("new.yaml", "name: New\ntriggers:\n  - { id: tr_1, type: schedule, every: 3600 }\n");
  look();
  const last = { "new.yaml": "new.yaml:3:11: This agent has no trigger tr_1." };
  await expect.poll(problems, within).toEqual(last);
  expect((await list()).data).toEqual([]);
  put("new.yaml", "name: New\ntriggers:\n  - { type: schedule, every: 3600 }\n");
  look();
  await expect.poll(running, within).toEqual(["new.yaml New"]);
});

test("where CLIENT_ID names another tenant the agents are that one's, and the first one's are at rest", async () => {
  put("mine.yaml", "name: Mine\n");
  await keep();
  const [{ id }] = (await list()).data;
  stop();
  const { host } = desk;
  await keep({}, folder, "Other");

  expect((await host.call("GET", `${PATH}/${id}`)).body).toMatchObject({
    ...{ status: "stopped", file: null },
  });
  const theirs = (await host.call("GET", PATH, undefined, { key: host.otherKey })).body.data;
  expect(theirs.map(({ name }: Json) => name)).toEqual(["Mine"]);
  stop();
  await keep({}, folder, "tn_nobody");
  expect(lines.join("\n")).toContain("There is no tenant whose id or name is");
});

test("what becomes of files is in the server's audit, and a start tells nothing", async () => {
  const { tables } = desk.host.system;
  const told = async (): Promise<readonly Json[]> => {
    const rows = await tables.list(systemTenant, auditTable, { limit: 200, reverse: true });
    const all = rows.map(({ value }) => value as Json);
    return all.filter(({ details }) => details?.file === "told.yaml").reverse();
  };
  put("told.yaml", "name: Told\n");
  await keep();
  stop();
  await keep();
  const [{ id }] = (await list()).data;
  expect(await told()).toMatchObject([
    { action: "agent.file", subject: id, by: "server", details: { tenant: desk.host.tenant } },
  ]);
  put("told.yaml", "name: Told\nmodel: nome: x\n");
  look();
  await expect.poll(async () => Object.keys(await problems()), within).toEqual(["told.yaml"]);
  put("told.yaml", "name: Told\ndescription: Anew.\n");
  look();
  await expect.poll(async () => (await told()).length, within).toBe(2);
  rmSync(join(folder, "told.yaml"));
  look();
  await expect.poll(async () => (await told()).length, within).toBe(3);
  expect((await told())[2]).toMatchObject({ action: "agent.file", subject: id, after: null });
});

test("another tenant sees neither the agents nor what is wrong with files, and reaches none", async () => {
  put("mine.yaml", "name: Mine\ntriggers:\n  - { type: schedule, every: 3600 }\n");
  put("wrong.yaml", "nome: x\n");
  await keep();
  const [{ id }] = (await list()).data;
  const { host } = desk;
  const { otherKey: key } = host;
  const theirs = async (method: string, path: string, body?: object) =>
    await host.call(method, path, body, { key });

  expect((await theirs("GET", PATH)).body).toMatchObject({ data: [], problems: [] });
  const answers = [
    await theirs("GET", `${PATH}/${id}`),
    await theirs("PUT", `${PATH}/${id}`, { name: "Taken" }),
    await theirs("POST", `${PATH}/${id}/start`, { input: "Go." }),
    await theirs("POST", `${PATH}/${id}/stop`),
    await theirs("GET", `${PATH}/${id}/logs`),
    await theirs("DELETE", `${PATH}/${id}`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
  expect(await running()).toEqual(["mine.yaml Mine"]);
});

test("values of variables are in no refusal, and those that are secrets stand where nobody reads them", async () => {
  const secret = "hush-4711-hush";
  put(
    "told.yaml",
    "name: $\u007bDESK_TOKEN}\ndescription: $\u007bAPI_KEY}\nsystem_message: $\u007bPLAIN}\n",
  );
  put(
    "kept.yaml",
    "name: Kept\ntriggers:\n  - type: webhook\n    secrets:\n      signing: $\u007bDESK_TOKEN}\n",
  );
  put("tool.yaml", "name: Tool\ntools: [{ name: '$\u007bPLAIN}' }]\n");
  await keep({ DESK_TOKEN: `whsec_${"a".repeat(40)}`, API_KEY: secret, PLAIN: "plain-4711" });

  const told = await problems();
  expect(told["told.yaml"]).toMatch(/told\.yaml:1:7: \$\{DESK_TOKEN\} is not substituted here/);
  expect(told["tool.yaml"]).toContain('2:17: There is no tool "$\u007bPLAIN}"');
  expect(await running()).toEqual(["kept.yaml Kept"]);
  const shown = JSON.stringify([await list(), lines]);
  for (const value of [secret, "whsec_aaa", "plain-4711"]) expect(shown).not.toContain(value);
});

test("of 1,005 files a thousand are read, those that are left out change nothing, and one that is as it was is not written", async () => {
  for (let at = 0; at < 1_005; at += 1) {
    const isGood = at === 7 || at >= 1_000;
    put(`${`${at}`.padStart(4, "0")}.yaml`, isGood ? `name: Agent ${at}\n` : "nome: x\n");
  }
  await keep();
  expect(await running()).toEqual(["0007.yaml Agent 7"]);
  expect((await list()).problems).toHaveLength(1_998);
  expect(lines.join("\n")).toContain("The folder has 1005 files of agents, the limit is 1000.");
  const kept = (await list()).data[0];

  // What is an agent already is so however many files come before it.
  for (const name of ["a", "b", "c"]) put(`000${name}.yaml`, "nome: x\n");
  for (let at = 8; at < 14; at += 1) rmSync(join(folder, `${`${at}`.padStart(4, "0")}.yaml`));
  look();
  await expect.poll(running, within).toHaveLength(4);
  expect((await running()).at(-1)).toBe("1002.yaml Agent 1002");
  expect((await list()).data[0]).toEqual(kept);
});
