// Skills through the real door: sent in each way, kept in versions, given back, named by agents, and
// gone when they are deleted.

import { afterAll, beforeAll, expect, test } from "vitest";
import { skillBytesCounter, skillLimits, skillTables } from "../../actors/records/skill.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import { rawZip, zipOf } from "../support/raw-zip.ts";
import { skillBody, skillText } from "../support/skill-files.ts";
import type { Json } from "../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const list = "/v2/skills";
const send = async (
  method: string,
  path: string,
  body: Buffer | FormData,
  headers: Readonly<Record<string, string>> = {},
) => {
  const response = await fetch(host.url + path, {
    method,
    headers: { "X-API-Key": host.key, ...headers },
    body: body instanceof FormData ? body : Uint8Array.from(body),
  });
  const answer: Json = await response.json();
  return { status: response.status, body: answer };
};
const zip = { "Content-Type": "application/zip" };
const create = async (name: string, more = {}, body?: string): Promise<Json> =>
  (await host.call("POST", list, skillBody(name, more, body))).body;
const bytesOf = async (path: string): Promise<Buffer> => {
  const response = await fetch(host.url + path, { headers: { "X-API-Key": host.key } });
  return Buffer.from(await response.arrayBuffer());
};
/** Rows of all tables that hold files. */
const rowsOf = async (id: string): Promise<number> => {
  const { tables } = host.system;
  const names = [skillTables.trees, skillTables.blobs, skillTables.files, "skills-versions"];
  const all = await Promise.all(
    names.map((table) => tables.list(host.tenant, table, { prefix: `${id}.`, limit: 200 })),
  );
  return all.flat().length;
};

test("a zip, a form of files and JSON make the same skill, which is read back byte by byte", async () => {
  const image = Buffer.from([0, 1, 2, 255]);
  const files = (name: string) => ({
    [`${name}/SKILL.md`]: skillText(name),
    [`${name}/references/guide.md`]: "Guide.",
    [`${name}/assets/x.png`]: image,
  });
  const form = new FormData();
  for (const [path, bytes] of Object.entries(files("by-form"))) {
    form.append("files", new Blob([Uint8Array.from(Buffer.from(bytes))]), path);
  }
  const json = [...skillBody("by-json", { "references/guide.md": "Guide." }).files];

  const made = [
    await send("POST", list, zipOf(files("by-zip")), zip),
    await send("POST", list, form),
    await host.call("POST", list, {
      files: [...json, { path: "assets/x.png", base64: image.toString("base64") }],
    }),
  ];

  expect(made.map(({ status }) => status)).toEqual([201, 201, 201]);
  for (const { body } of made) {
    expect(body).toMatchObject({ file_count: 3, version: 1, license: null, allowed_tools: null });
    const { data } = (await host.call("GET", `${list}/${body.id}/files`)).body;
    expect(data.map(({ path, is_text }: Json) => [path, is_text])).toEqual([
      ["SKILL.md", true],
      ["assets/x.png", false],
      ["references/guide.md", true],
    ]);
    expect(await bytesOf(`${list}/${body.id}/content?path=assets/x.png`)).toEqual(image);
    expect((await bytesOf(`${list}/${body.id}/content`)).toString()).toBe(skillText(body.name));
  }
});

test("a download is a zip that can be sent again, of any version", async () => {
  const big = Buffer.alloc(skillLimits.pieceBytes * 2 + 5, "ab");
  const { id } = await create("again", { "references/big.txt": big.toString() });
  await host.call("PUT", `${list}/${id}`, skillBody("again", {}, "Second."));

  const first = await bytesOf(`${list}/${id}/download?version=1`);
  const put = await send("PUT", `${list}/${id}`, first, zip);

  expect(put).toMatchObject({ status: 200, body: { version: 3, file_count: 2 } });
  const back = await bytesOf(`${list}/${id}/content?path=references/big.txt`);
  expect(back.equals(big)).toBe(true);
  expect((await bytesOf(`${list}/${id}/content?version=2`)).toString()).toContain("Second.");
});

test("a change is a version, the same files are none, and an old version comes back whole", async () => {
  const { id } = await create("versions", { "references/a.md": "A." });
  const stale = { headers: { "If-Match": '"7"' } };
  const second = skillBody("versions", {}, "Second.");

  const refused = await host.call("PUT", `${list}/${id}`, second, stale);
  const changed = await host.call("PUT", `${list}/${id}`, second, {
    headers: { "If-Match": '"1"' },
  });
  const same = await host.call("PUT", `${list}/${id}`, second);
  const back = await host.call("POST", `${list}/${id}/versions/1/rollback`);

  expect([refused.status, changed.body.version, same.body.version]).toEqual([412, 2, 2]);
  expect(back.body).toMatchObject({ version: 3, file_count: 2 });
  expect((await bytesOf(`${list}/${id}/content?path=references/a.md`)).toString()).toBe("A.");
});

test("a skill keeps its name, and no other takes it until it is deleted", async () => {
  const { id } = await create("taken");

  const other = await host.call("POST", list, skillBody("taken"));
  const renamed = await host.call("PUT", `${list}/${id}`, skillBody("renamed"));
  await host.call("DELETE", `${list}/${id}`);
  const after = await host.call("POST", list, skillBody("taken"));

  expect([other.status, other.body.current]).toEqual([409, { id, name: "taken" }]);
  expect([renamed.status, renamed.body.detail]).toEqual([
    400,
    "A skill keeps its name: this one is taken, and SKILL.md says renamed.",
  ]);
  expect(after.status).toBe(201);
});

test("a repeated creation has the first one's answer", async () => {
  const once = { headers: { "Idempotency-Key": "skill-once" } };
  const first = await host.call("POST", list, skillBody("once"), once);
  const again = await host.call("POST", list, skillBody("once"), once);

  expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
});

test("a deletion leaves no row and no byte behind, also after it was cut off", async () => {
  const { tables } = host.system;
  const before = await tables.counter(host.tenant, skillBytesCounter);
  const made = await create("gone", { "assets/x": "x".repeat(600_000) });
  await host.call("PUT", `${list}/${made.id}`, skillBody("gone", {}, "Second."));
  expect(await tables.counter(host.tenant, skillBytesCounter)).toBeGreaterThan(before + 600_000);

  await host.call("DELETE", `${list}/${made.id}`);

  expect(await rowsOf(made.id)).toBe(0);
  expect(await tables.counter(host.tenant, skillBytesCounter)).toBe(before);

  const cut = await create("cut");
  // As a stop of the server right after the record was removed would leave it.
  await tables.write(host.tenant, [
    { type: "remove", table: "skills", id: cut.id },
    { type: "remove", table: skillTables.names, id: "cut" },
    { type: "put", table: skillTables.removals, id: cut.id, value: {} },
  ]);
  await create("next");

  expect(await rowsOf(cut.id)).toBe(0);
});

test("what an agent names is held: the skill, and the version", async () => {
  const { id } = await create("held");
  const made = await host.call("POST", "/v2/agents", {
    name: "Desk",
    skills: [{ name: "held", version: 1 }],
  });
  const sub = await host.call("POST", `/v2/agents/${made.body.id}/sub-agents`, {
    name: "Sub",
    skills: [{ name: "held" }],
  });

  expect(made.body.skills).toEqual([{ id, version: 1 }]);
  expect(sub.body.skills).toEqual([{ id }]);
  const refused = await host.call("DELETE", `${list}/${id}`);
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("Desk")]);
  await host.call("PATCH", `/v2/agents/${made.body.id}`, { skills: null });
  expect((await host.call("DELETE", `${list}/${id}`)).status).toBe(409);
  await host.call("PATCH", `/v2/agents/${made.body.id}/sub-agents/${sub.body.id}`, { skills: [] });
  expect((await host.call("DELETE", `${list}/${id}`)).status).toBe(204);
});

test("skills that are not there are refused where they are named", async () => {
  const { id } = await create("there");
  const cases: readonly (readonly [object, string])[] = [
    [{ skills: [{ name: "nobody" }] }, "/skills/0/name"],
    [{ skills: [{ id: "sk_nobody" }] }, "/skills/0/id"],
    [{ skills: [{ id, version: 9 }] }, "/skills/0/version"],
    [{ skills: [{ id, name: "there" }] }, "/skills/0"],
    [{ skills: [{}] }, "/skills/0"],
    [{ skills: [{ id }, { name: "there" }] }, "/skills/1"],
    [{ tools: [{ tool: "calculator", name: "read_skill" }] }, "/tools/0/name"],
  ];
  for (const [more, pointer] of cases) {
    const { status, body } = await host.call("POST", "/v2/agents", { name: "Desk", ...more });
    expect([pointer, status, body.pointer]).toEqual([pointer, 400, pointer]);
  }
});

test("another tenant sees nothing of a skill, and names its own by the same name", async () => {
  const { id } = await create("private", { "references/a.md": "A." });
  const other = { key: host.otherKey };

  for (const path of ["", "/files", "/content", "/download", "/versions"]) {
    expect([
      path,
      (await host.call("GET", `${list}/${id}${path}`, undefined, other)).status,
    ]).toEqual([path, 404]);
  }
  expect((await host.call("PUT", `${list}/${id}`, skillBody("private"), other)).status).toBe(404);
  const agent = { name: "Desk", skills: [{ id }] };
  expect((await host.call("POST", "/v2/agents", agent, other)).body.pointer).toBe("/skills/0/id");
  expect((await host.call("POST", list, skillBody("private"), other)).status).toBe(201);
});

test("what is too large is refused with the limit, and so is an empty or unknown body", async () => {
  const { uploadBytes, fileBytes } = skillLimits;
  const tooBig = rawZip([{ name: "SKILL.md", bytes: Buffer.alloc(fileBytes + 1) }]);

  const [body, file, empty, type] = [
    await send("POST", list, Buffer.alloc(uploadBytes + 1), zip),
    await send("POST", list, tooBig, zip),
    await send("POST", list, Buffer.alloc(0), zip),
    await send("POST", list, Buffer.from("x"), { "Content-Type": "text/html" }),
  ];

  expect([body.status, file.status, empty.status, type.status]).toEqual([413, 413, 400, 400]);
  expect(body.body.detail).toContain(String(uploadBytes));
  expect(file.body.detail).toContain(`"SKILL.md" is refused: it has ${fileBytes + 1} bytes`);
  expect(type.body.detail).toContain("application/zip, multipart/form-data or application/json");

  const form = await send("POST", list, Buffer.from("x"), {
    "Content-Type": "multipart/form-data",
  });
  expect([form.status, form.body.code]).toEqual([400, "INVALID"]);
});
