// The commands of the skills' README, pasted into one shell beside a running server.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { skillLimits } from "../../actors/records/skill.ts";
import { readConfig } from "../../adapters/config.ts";
import { startServer } from "../support/running-server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = await readFile(join(root, "adapters/skills/README.md"), "utf8");

test("a skill is written, sent in each way and named by an agent", async () => {
  const folder = await mkdtemp(join(tmpdir(), "troupe-skills-"));
  const server = await startServer({ TROUPE_DATA: join(folder, "data") });
  try {
    await server.printed(/^curl /m);
    const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    const script = blocks.join("\n").replaceAll("http://127.0.0.1:8080", server.url);

    const { stdout } = await run("bash", ["-c", script], { cwd: folder, timeout: 30_000 });

    const lines = stdout.split("\n").filter((line) => line !== "");
    const [made, same, next, agent] = lines.map((line) => JSON.parse(line));
    expect(made).toMatchObject({ name: "expenses", version: 1, file_count: 2 });
    expect(same).toMatchObject({ id: made.id, version: 1, tree: made.tree });
    expect(next).toMatchObject({ id: made.id, version: 2, file_count: 2 });
    expect(agent).toMatchObject({ name: "Travel desk", skills: [{ id: made.id }] });
  } finally {
    await server.end();
    await rm(folder, { recursive: true, force: true });
  }
});

test("the README's limits are those that hold", async () => {
  const { uploadBytes, bytes, fileBytes, files, entries, pathChars, pathDepth } = skillLimits;
  const { bytesMax } = (await readConfig({}, ".")).skills;
  const { records, readBytes, answerBytes, uses } = skillLimits;
  const mib = (of: number): string => `${of / 1_024 ** 2} MiB`;
  const rows = [
    `| an upload | ${mib(uploadBytes)} |`,
    `| all files of a skill, unpacked | ${mib(bytes)} |`,
    `| one file | ${mib(fileBytes)} |`,
    `| ${files}; ${entries} |`,
    `| ${pathChars} characters; ${pathDepth - 1} |`,
    `| ${records.toLocaleString("en")}; ${bytesMax / 1_024 ** 3} GiB (`,
    `of ${readBytes / 1_024} KiB; one answer reads at most ${answerBytes / 1_024} KiB`,
    `at most ${uses};`,
  ];

  for (const row of rows) expect(page).toContain(row);
});
