// The settings of agents from files, the variables of an orchestrator, and `settings.json`.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readConfig } from "../adapters/config.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-config-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function withFile(text: string, env: Record<string, string> = {}) {
  await writeFile(join(folder, "troupe.yaml"), text);
  return readConfig(env, folder);
}

const refusal = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => "accepted",
    (error: Error) => error.message,
  );

describe("the variables of an orchestrator", () => {
  test("set what they are documented to set, and this server's own win over them", async () => {
    const theirs = {
      ...{ AGENT_ORCH_PORT: "3031", AGENT_ORCH_LOG_LEVEL: "debug", CLIENT_ID: "acme" },
      ...{ MAX_AGENTS: "3", DEFAULT_AGENT_TIMEOUT: "60", ENABLE_REMOTE_TOOLS: "true" },
    };
    const own = { TROUPE_PORT: "9001", TROUPE_LOG_LEVEL: "error" };

    expect(await readConfig(theirs, folder)).toMatchObject({
      ...{ port: 3031, logLevel: "debug" },
      agents: { clientId: "acme", maxRunning: 3, timeout: 60, remoteTools: true },
    });
    expect(await readConfig({ ...theirs, ...own }, folder)).toMatchObject({
      ...{ port: 9001, logLevel: "error" },
    });
    expect(await readConfig({}, folder)).toMatchObject({
      port: 8080,
      agents: { clientId: null, maxRunning: 10, timeout: 300, remoteTools: false, folder: null },
      logs: { file: null, agents: null },
    });
  });

  test.each([
    [{ ENABLE_REMOTE_TOOLS: "yes" }, 'ENABLE_REMOTE_TOOLS: expected true or false, found "yes"'],
    [{ AGENT_ORCH_PORT: "x" }, 'AGENT_ORCH_PORT: expected an integer from 0 to 65535, found "x"'],
    [{ CLIENT_ID: "../acme" }, "CLIENT_ID: expected letters, digits, -, _ and ., the first a "],
    [{ MAX_AGENTS: "0" }, "MAX_AGENTS: expected an integer from 1 to 100000 (runs), found"],
  ])("%o is refused", async (env, said) => {
    expect(await refusal(readConfig(env, folder))).toContain(said);
  });

  test("those with nothing behind them are taken, and known to have no effect", async () => {
    const env = { LANGCHAIN_API_URL: "http://langchain:7860", VECTOR_DB_URL: "http://v:8000" };

    expect((await readConfig(env, folder)).unused).toEqual(["LANGCHAIN_API_URL", "VECTOR_DB_URL"]);
  });
});

test("the folder of agents is the one that is named, else the one beside the file", async () => {
  expect((await withFile("port: 1\n")).agents.folder).toBeNull();
  await mkdir(join(folder, "agents"));
  expect((await withFile("port: 1\n")).agents.folder).toBe(join(folder, "agents"));
  expect((await withFile("agents:\n  folder: mine\n")).agents.folder).toBe(join(folder, "mine"));
  await rm(join(folder, "troupe.yaml"));
  expect((await readConfig({}, folder)).agents.folder).toBeNull();
});

describe("settings.json", () => {
  const further = (text: string, file = "port: 9000\nlogs:\n  files_max: 3\n", env = {}) =>
    writeFile(join(folder, "settings.json"), text).then(() => withFile(file, env));

  test("has less weight than troupe.yaml and the variables, group by group", async () => {
    const text = JSON.stringify({
      ...{ port: 1, workers: 2, agents: { max_running: 4, timeout: 5 } },
      logs: { files_max: 2, file_bytes_max: 65_536 },
    });

    expect(await further(text, undefined, { MAX_AGENTS: "7" })).toMatchObject({
      ...{ port: 9000, workers: 2, agents: { maxRunning: 7, timeout: 5 } },
      logs: { filesMax: 3, fileBytesMax: 65_536 },
    });
  });

  test("lies in the folder of agents where no troupe.yaml is, and elsewhere is not looked at", async () => {
    await writeFile(join(folder, "settings.json"), '{"workers": 2, "unknown": 1}');
    expect(await refusal(readConfig({}, folder))).toBe("accepted");
    await mkdir(join(folder, "config"));
    await writeFile(join(folder, "config", "settings.json"), '{"workers": 2}');
    expect((await readConfig({ TROUPE_AGENTS: "config" }, folder)).workers).toBe(2);
  });

  test.each([
    ['{"port": 1,\n "prot": 2}', 'settings.json:2:2: unknown field "prot"; did you mean "port"?'],
    ['{"agents": {"timeout": 0}}', "settings.json:1:24: agents.timeout: expected an integer"],
    [
      '{"agents": {"remote_tools": "no"}}',
      "settings.json:1:29: agents.remote_tools: expected true",
    ],
    ['{"channels": {}}', 'settings.json:1:2: unknown field "channels"'],
    ['{"port": 1', "settings.json:1:11: "],
    ["port: 1", "settings.json: is not JSON: "],
    [`{"data": "${"x".repeat(256 * 1024)}"}`, "settings.json: has 2"],
  ])("%.40s is refused with its place", async (text, said) => {
    expect(await refusal(further(text))).toContain(said);
  });
});
