// The README's commands are run as they stand, pasted into one shell beside a running server.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningServer, startServer } from "../support/running-server.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));

let folder = "";
let server: RunningServer;

beforeAll(async () => {
  // The README names ./data below the working folder and the default port.
  folder = await mkdtemp(join(tmpdir(), "troupe-readme-"));
  server = await startServer({ TROUPE_DATA: join(folder, "data") });
  await server.printed(/^curl /m);
});

afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

/** The shell blocks below a heading. */
async function blocksBelow(heading: string): Promise<readonly string[]> {
  const text = await readFile(join(root, "README.md"), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}

async function paste(script: string): Promise<string> {
  const here = script
    .replaceAll("http://127.0.0.1:8080", server.url)
    .replaceAll("node adapters/cli/troupe.js", `node ${root}adapters/cli/troupe.js`)
    .replaceAll(" adapters/packs/", ` ${root}adapters/packs/`);
  // The commands know the port from the settings, as the server does.
  const env = { ...process.env, TROUPE_PORT: new URL(server.url).port };
  const { stdout } = await run("bash", ["-c", here], { cwd: folder, timeout: 30_000, env });
  return stdout;
}

test("the first curl streams an answer from the pages", async () => {
  const [script = ""] = await blocksBelow("Ask with curl");

  const stream = await paste(script);

  expect(stream).toContain("OPENAI_API_KEY");
  expect(stream.trimEnd().endsWith("data: [DONE]")).toBe(true);
});

test.each([
  // Two pages say it; either may come first.
  [
    "How do I set a provider?",
    /^[^|]{0,80}\bset (`OPENAI_API_KEY`|one of these)[^|]* start again/i,
  ],
  ["What is Troupe?", /^Troupe is a server for LLM agents/],
  ["How do I start the server?", /^This one runs the server:\n\n```\nnpm start\n```/],
  ["What happens when a worker dies?", /^When a worker thread dies, /],
  ["Which port does it listen on?", /^`port` \| `TROUPE_PORT`, else `AGENT_ORCH_PORT` \| 8080 \|/],
  ["What is the default of steps_max?", /^`steps_max` \| 1000 \|/],
])(
  "what answers a newcomer's question comes first, a row only where it does: %s",
  async (question, first) => {
    const [script = ""] = await blocksBelow("Ask with curl");

    const whole = await paste(
      script
        .replace("How do I set a provider?", question)
        .replace('"stream": true', '"stream": false'),
    );

    const { response, sources } = JSON.parse(whole).data;
    expect(response).toMatch(first);
    // The passage that comes first is the one that its mark names.
    const [, mark = ""] = /\[(\d+)\]/.exec(response) ?? [];
    expect(sources[Number(mark) - 1].text.replace(/\s+/g, " ")).toContain(
      response.split("\n")[0].slice(0, 40),
    );
  },
);

test("the commands for an agent of one's own give an agent that answers from its document", async () => {
  const [agent = "", , key = ""] = await blocksBelow("Make an agent of your own");

  const output = await paste(`${agent}\n${key}`);
  const [made = "", answered = ""] = output
    .split("\n")
    .filter((line) => line !== "")
    .slice(-2);

  expect(JSON.parse(made)).toMatchObject({
    status: "success",
    data: { routing_info: { action_name: "Hours" }, sources: [{ title: "Opening hours" }] },
  });
  expect(JSON.parse(made).data.response).toMatch(/On Mondays it is closed/);
  expect(JSON.parse(answered)).toMatchObject({ allowed_services: ["core-agent-chat"] });
  expect(JSON.parse(answered).key).toMatch(/^troupe_/);
});

test("the commands for a team and a workflow give an answer and a decision", async () => {
  const [agent = ""] = await blocksBelow("Make an agent of your own");
  const [team = "", flow = ""] = await blocksBelow("Teams, workflows and approvals");

  const lines = (await paste(`${agent}\n${team}\n${flow}`))
    .split("\n")
    .filter((line) => line !== "");
  const [answered, decided, ended] = lines.slice(-3).map((line) => JSON.parse(line));

  expect(answered).toMatchObject({ status: "completed", sources: [{ title: "Opening hours" }] });
  expect(answered.response).toMatch(/On Mondays it is closed/);
  expect(decided).toMatchObject({ status: "approved", note: "by all means" });
  expect(ended).toMatchObject({
    status: "completed",
    result: { output: { approved: true, arguments: { euros: 40 } } },
  });
});

test("a folder goes in from the terminal, and a second time nothing of it is new", async () => {
  const [, add = ""] = await blocksBelow("Make an agent of your own");
  const here = add.replace(" adapters/http README.md", ` ${root}adapters/http ${root}README.md`);

  const [first, second] = [await paste(here), await paste(here)];

  expect(here).not.toBe(add);
  expect(first).toMatch(/^Collection cl_\w+ "Handbook" was created\.$/m);
  expect(first).toMatch(/^[1-9]\d* created, 0 updated, 0 unchanged, 0 failed; \d+ chunks$/m);
  expect(second).toMatch(/^0 created, 0 updated, [1-9]\d* unchanged, 0 failed; 0 chunks$/m);
});

test("the newest answer is run again, the same and with another model", async () => {
  const [asked = ""] = await blocksBelow("Ask with curl");
  const [same = "", swapped = ""] = await blocksBelow("Run an answer again");

  const output = await paste(`${asked} > answer; ${same}\n${swapped}`);

  expect(output).toMatch(/^identical: \d+ steps?, 2 runs, \d+ events?$/m);
  expect(output).toContain("would call gpt-5-mini: no provider is configured here");
});

test("the commands for a pack plan it, apply it and list it", async () => {
  const [script = ""] = await blocksBelow("Packs");

  const output = await paste(script);

  expect(output).toMatch(/customer-support: \d+ to create, 0 to update, 0 to delete/);
  expect(output).toMatch(/customer-support is at version 1: \d+ created/);
  expect(output).toMatch(/agents desk: ag_\w+/);
  expect(output.trimEnd().split("\n").at(-1)).toMatch(/^pk_\w+ {2}customer-support 1\.0\.0/);
});

test("the backup's commands make a backup of the server that runs, and a folder of it", async () => {
  const [script = ""] = await blocksBelow("Back it up");

  const said = await paste(script);

  expect(said).toMatch(/backups\/troupe-.*\.backup: .* MiB, rows: \d+ hot, \d+ bulk\./);
  expect(said).toContain("is whole");
});
