// What was sent, as a skill: the ways to send one, and zips that are attacks. Each is refused by name,
// before anything is unpacked that need not be.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { skillLimits } from "../../../actors/records/skill.ts";
import { type ReadSkill, readSkill } from "../../../adapters/skills/read-skill.ts";
import { zipPieces } from "../../../adapters/skills/zip-out.ts";
import { deflatedZeros, type RawEntry, rawZip, zipOf } from "../../support/raw-zip.ts";
import { skillBody, skillText } from "../../support/skill-files.ts";

const ZIP = "application/zip";
const main = { name: "SKILL.md", bytes: Buffer.from(skillText("a")) };
const read = (bytes: Uint8Array, type = ZIP): Promise<ReadSkill> => readSkill({ type, bytes });
const json = (body: unknown) => read(Buffer.from(JSON.stringify(body)), "application/json");
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message : "taken";
};
const refused = (...entries: readonly RawEntry[]) => refusal(read(rawZip([main, ...entries])));
const pathsOf = ({ tree }: ReadSkill) => tree.files.map(({ path }) => path);

test("a zip of what is in the folder, and of the folder, are the same skill", async () => {
  const files = { "SKILL.md": skillText("a"), "references/b.md": "More." };
  const inside = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [`a/${path}`, text]),
  );

  const [top, folder, asJson] = [
    await read(zipOf(files)),
    await read(rawZip([{ name: "a/", mode: 0o040755 }, ...entriesOf(inside)])),
    await json(skillBody("a", { "references/b.md": "More." })),
  ];

  expect(pathsOf(top)).toEqual(["SKILL.md", "references/b.md"]);
  expect(folder).toEqual(top);
  expect(asJson).toEqual(top);
  const [first] = top.tree.files;
  const bytes = Buffer.from(files["SKILL.md"]);
  expect(first).toEqual({
    ...{ path: "SKILL.md", bytes: bytes.length, crc32: crc32(bytes), isText: true },
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  expect(Buffer.from(top.contents).toString()).toBe(`${files["SKILL.md"]}More.`);
});

const entriesOf = (files: Readonly<Record<string, string>>): RawEntry[] =>
  Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) }));

test("a form has paths as filenames, or one zip", async () => {
  const form = async (parts: readonly (readonly [string, string | Buffer])[]) => {
    const body = new FormData();
    for (const [name, bytes] of parts)
      body.append("files", new Blob([Uint8Array.from(Buffer.from(bytes))]), name);
    const request = new Request("http://x", { method: "POST", body });
    const type = request.headers.get("content-type") ?? "";
    return await read(Buffer.from(await request.arrayBuffer()), type);
  };

  const folder = await form([
    ["a/SKILL.md", skillText("a")],
    ["a/scripts/run.sh", "true"],
  ]);
  const zip = await form([
    ["anything.zip", zipOf({ "SKILL.md": skillText("a"), "scripts/run.sh": "true" })],
  ]);

  expect(pathsOf(folder)).toEqual(["SKILL.md", "scripts/run.sh"]);
  expect(zip).toEqual(folder);
  expect(await refusal(form([["../SKILL.md", skillText("a")]]))).toContain('".."');
});

test("what systems leave in folders is no part of a skill", async () => {
  const skill = await read(
    zipOf({ "a/SKILL.md": skillText("a"), "__MACOSX/a/._SKILL.md": "x", "a/.DS_Store": "x" }),
  );

  expect(pathsOf(skill)).toEqual(["SKILL.md"]);
});

test("bytes that are no text stay as they are, and are told from texts", async () => {
  const bytes = Buffer.from([0, 255, 1]);

  const skill = await json({
    files: [...skillBody("a").files, { path: "assets/x.bin", base64: bytes.toString("base64") }],
  });

  expect(skill.tree.files.map(({ isText }) => isText)).toEqual([true, false]);
  expect(Buffer.from(skill.contents).subarray(-3)).toEqual(bytes);
});

test("a zip that was downloaded is the skill again", async () => {
  const skill = await json(skillBody("a", { "references/ü.md": "Ü", empty: "" }));
  const { tree, contents } = skill;
  const places = new Map<string, number>();
  let at = 0;
  for (const { path, bytes } of tree.files) {
    places.set(path, at);
    at += bytes;
  }
  const parts: Uint8Array[] = [];
  const pieces = async function* ({
    path,
    bytes,
  }: {
    readonly path: string;
    readonly bytes: number;
  }) {
    const from = places.get(path) ?? 0;
    yield contents.subarray(from, from + bytes);
  };
  for await (const part of zipPieces("a", tree.files, pieces)) parts.push(part);

  expect(await read(Buffer.concat(parts))).toEqual(skill);
});

test.each([
  ["no SKILL.md", zipOf({ "a/b.md": "x" }), "SKILL.md is missing"],
  ["another spelling", zipOf({ "a/skill.md": "x" }), 'There is "a/skill.md"'],
  ["another folder", zipOf({ "b/SKILL.md": skillText("a") }), 'its folder is "b"'],
  ["nothing", rawZip([]), "SKILL.md is missing"],
  ["no zip", Buffer.from("hello"), "The zip is damaged"],
  ["a cut zip", zipOf({ "SKILL.md": skillText("a") }).subarray(0, 60), "The zip is damaged"],
])("%s is refused", async (_, zip, why) => {
  expect(await refusal(read(zip))).toContain(why);
});

test("what leads out of the folder, or is no file, is refused by its name", async () => {
  expect(await refused({ name: "../../evil.sh" })).toBe(
    'The entry "../../evil.sh" is refused: a path has no "..".',
  );
  expect(await refused({ name: "/etc/passwd" })).toContain("not absolute");
  expect(await refused({ name: "a\\..\\b" })).toContain("backslash");
  expect(await refused({ name: "C:/b" })).toContain("drive letter");
  expect(await refused({ name: "b\0.md" })).toContain("control");
  expect(await refused({ name: Buffer.from([0x61, 0xff]) })).toContain("not UTF-8");
  const target = Buffer.from("/etc/passwd");
  expect(await refused({ name: "link", bytes: target, mode: 0o120777 })).toContain("link");
  expect(await refused({ name: "pipe", mode: 0o010644 })).toContain("special file");
  expect(await refused({ name: "disk", mode: 0o060644 })).toContain("special file");
  expect(await refused({ name: "b", flags: 0x0801 })).toContain("encrypted");
  expect(await refused({ name: "b", method: 12 })).toContain("compression method is 12");
  expect(await refused({ name: "b/", bytes: target })).toContain("folder with contents");
  expect(await refused({ name: "b" }, { name: "B" })).toContain('differs from "b" in case');
  expect(await refused({ name: "b" }, { name: "b" })).toContain("twice");
  expect(await refused({ name: "b", localName: "c" })).toContain("two names");
  expect(await refused({ name: "b", bytes: target, crc: 1 })).toContain("checksum");
});

test("10 GB of zeros that claim to be a thousand bytes are unpacked up to those", async () => {
  const packed = deflatedZeros(10 * 1024 ** 3);
  const before = process.memoryUsage().rss;
  const began = performance.now();

  const said = await refused({ name: "bomb", packed, claims: 1_000 });

  expect(said).toBe(
    'The entry "bomb" is refused: it does not unpack to the 1000 bytes that it claims.',
  );
  expect(packed.length).toBeLessThan(skillLimits.uploadBytes);
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 ** 2);
});

test("sizes that are claimed count before anything is unpacked", async () => {
  const { fileBytes, bytes } = skillLimits;
  const packed = Buffer.from("no deflated bytes");

  expect(await refused({ name: "b", packed, claims: 10 * 1024 ** 3 })).toContain(
    `it has 10737418240 bytes, a file at most ${fileBytes}`,
  );
  const three = ["b", "c", "d"].map((name) => ({ name, packed, claims: fileBytes }));
  expect(await refused(...three)).toContain(
    `"c" is refused: with it the files have more than ${bytes}`,
  );
  expect(await refused({ name: "b", packed, claims: 10 })).toContain("cannot be unpacked");
  expect(await refused({ name: "b", bytes: packed, claims: 3, isStored: true })).not.toBe("taken");
});

test("entries that lie over each other are refused", async () => {
  const kernel = { name: "k", bytes: Buffer.alloc(30_000) };
  const over = Array.from({ length: 200 }, (_, at) => ({
    ...{ name: "k", bytes: kernel.bytes, over: 1 },
    localName: `k${at}`,
  }));

  expect(await refused(kernel, ...over)).toContain("overlaps with another entry");
});

test("a zip in a zip is a file, and is not opened", async () => {
  const bomb = rawZip([{ name: "bomb", packed: deflatedZeros(1024 ** 3), claims: 1_000 }]);

  const skill = await read(rawZip([main, { name: "assets/in.zip", bytes: bomb, isStored: true }]));

  expect(skill.tree.files[1]).toMatchObject({
    path: "assets/in.zip",
    bytes: bomb.length,
    isText: false,
  });
});

test("a zip of 100,000 files is refused by its number", async () => {
  const many = Array.from({ length: 100_000 }, (_, at) => ({ name: `f${at}`, isStored: true }));
  const zip = rawZip([main, ...many]);
  const began = performance.now();

  expect(await refusal(read(zip))).toBe("The zip has 100001 entries; at most 512 are taken.");
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("files are taken up to their number, and refused one above it", async () => {
  const more = (count: number) =>
    json(
      skillBody("a", Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, ""]))),
    );

  expect((await more(skillLimits.files - 1)).input.file_count).toBe(skillLimits.files);
  expect(await refusal(more(skillLimits.files))).toContain("at most 256 files");
  const zip = rawZip([main, ...Array.from({ length: 256 }, (_, at) => ({ name: `f${at}` }))]);
  expect(await refusal(read(zip))).toContain("at most 256 files");
});

test("JSON that is none of a skill is refused with its place", async () => {
  const files = skillBody("a").files;

  expect(await refusal(read(Buffer.from("{"), "application/json"))).toContain("no JSON");
  expect(await refusal(json({ files: [] }))).toContain("{files: [{path, text or base64}]}");
  expect(await refusal(json({ files, more: 1 }))).toContain('no field "more"');
  expect(await refusal(json({ files: [{ path: "a" }] }))).toContain("either a text or base64");
  expect(await refusal(json({ files: [{ path: "a", base64: "é" }] }))).toContain("not base64");
  expect(await refusal(json({ files: [{ path: "a", text: "\ud800" }] }))).toContain("surrogate");
  expect(await refusal(json({ files: [...files, { path: "/a", text: "" }] }))).toContain(
    "absolute",
  );
  expect(await refusal(read(Buffer.from("x"), "text/html"))).toContain(
    "application/zip, multipart",
  );
});
