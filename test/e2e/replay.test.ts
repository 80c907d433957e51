// A recorded chat run again through the command, beside the real server and on its stopped folder.
// The provider counts its calls: a replay makes none, a swapped one only those whose prompt changed.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { png } from "../support/picture-files.ts";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const commands = fileURLToPath(new URL("../../adapters/cli/commands.js", import.meta.url));
const message = "The thing from last week looks odd today, q-doubt";

let product: Product;
let agent = "";
let run = "";
let answered: Json;

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
  product.provider.when((call) => call.model === "gpt-4o-mini" && call.wantsJson, {
    json: { choice: 3, intent: "odd_thing" },
  });
  const { body } = await product.call("POST", CHAT, { agent_key: agent, message });
  answered = body.data;
  const { body: runs } = await product.call("GET", "/v2/runs?limit=1");
  run = runs.data[0].id;
});
afterAll(() => product.end());

interface Said {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs the command as a process of its own, in the product's folder. */
function troupe(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  const code = `import(${JSON.stringify(commands)}).then(async (m) => { process.exitCode = await m.runCommand(process.argv.slice(1)); })`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--input-type=module", "-e", code, "--", ...args],
      {
        cwd: product.folder,
        timeout: 30_000,
        env: {
          PATH: process.env["PATH"] ?? "",
          TROUPE_ADMIN_KEY: product.adminKey,
          TROUPE_DATA: join(product.folder, "data"),
          OPENAI_API_KEY: "test",
          OPENAI_BASE_URL: product.provider.openaiUrl,
          ...env,
        },
      },
      (error, out, errors) => {
        const failed = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code: failed, out, errors });
      },
    );
  });
}

const calls = (): number => product.provider.calls().length;

test("a chat that was routed in doubt is identical in its replay, over HTTP and from the folder", async () => {
  const before = calls();

  const remote = await troupe(["replay", run, "--url", product.url]);
  await product.stop();
  const local = await troupe(["replay", run]);
  const asJson = await troupe(["replay", run, "--json"]);
  await product.start();

  expect(answered.routing_info).toMatchObject({ action_name: "Technical", method: "model" });
  expect(before).toBe(2);
  expect(remote).toMatchObject({ code: 0, errors: "" });
  expect(remote.out).toMatch(/^identical: 2 steps, 2 runs, 1 event$/m);
  expect(remote.out).toContain("route-model");
  expect(local).toEqual(remote);
  expect(JSON.parse(asJson.out)).toMatchObject({ identical: true, steps: 2, runs: 2 });
  expect(calls()).toBe(before);
});

test("a run with a picture is identical in its replay, which reads no bytes, whether it was seen or not", async () => {
  for (const model_name of ["gpt-4o-mini", "gpt-3.5-turbo"]) {
    const made = await product.call("POST", "/v2/agents", { name: "Eye", model_name });
    const images = [{ data: png.toString("base64") }];
    const path = `/v2/agents/${made.body.id}/runs`;
    const { body } = await product.call("POST", path, { input: "What is it?", images });
    const before = calls();

    const { code, out } = await troupe(["replay", body.id, "--url", product.url]);

    expect(body.unseen_pictures).toBe(model_name === "gpt-4o-mini" ? undefined : 1);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^identical: /m) });
    expect(calls()).toBe(before);
  }
});

test("a swapped system message asks again only where the prompt has changed", async () => {
  const file = join(product.folder, "terse.txt");
  await writeFile(file, "Be terse.\n");
  const swap = ["replay", run, "--url", product.url, "--with", `system_message=${file}`];
  const before = calls();

  const dry = await troupe([...swap, "--dry"]);
  const afterDry = calls();
  const real = await troupe(swap);

  expect(dry).toMatchObject({ code: 0, errors: "" });
  expect(dry.out).toContain("would call gpt-4o-mini");
  expect(dry.out).toContain("+ system: Be terse.");
  expect(afterDry).toBe(before);
  expect(real).toMatchObject({ code: 0, errors: "" });
  expect(real.out).toMatch(/^= step +route-model/m);
  expect(real.out).toMatch(/1 call made, 0 not made/);
  expect(calls()).toBe(before + 1);
});

test("a swapped model is asked for everything it decides, and the differences are shown", async () => {
  product.provider.when((call) => call.model === "gpt-5" && call.wantsJson, {
    json: { choice: 2, intent: "billing" },
  });
  product.provider.when((call) => call.model === "gpt-5", { text: "Quite another answer." });
  const before = calls();

  const said = await troupe(["replay", run, "--url", product.url, "--with", "model=gpt-5"]);
  const asJson = await troupe([
    ...["replay", run, "--url", product.url, "--with", "model=gpt-5", "--json"],
  ]);

  expect(said).toMatchObject({ code: 0, errors: "" });
  expect(said.out).toContain("- to Technical by model");
  expect(said.out).toContain("+ to Billing by model");
  expect(said.out).toContain("+ Quite another answer.");
  expect(said.out).toContain("2 calls made");
  expect(calls()).toBe(before + 4);
  expect(JSON.parse(asJson.out).calls).toBe(2);
});

test("a model that nobody serves is not asked, and its branch stops", async () => {
  const env = { OPENAI_API_KEY: "", OPENAI_BASE_URL: "" };
  const before = calls();

  const said = await troupe(["replay", run, "--url", product.url, "--with", "model=gpt-5"], env);

  expect(said.out).toContain("would call gpt-5: no provider is configured here");
  expect(calls()).toBe(before);
});

test("an unknown run, a wrong swap and a missing key are said in a line", async () => {
  const unknown = await troupe(["replay", "rn_nobody", "--url", product.url]);
  const wrong = await troupe(["replay", run, "--with", "colour=red"]);
  const denied = await troupe(["replay", run, "--url", product.url, "--key", "troupe_wrong"]);

  expect(unknown).toMatchObject({ code: 1, out: "" });
  expect(unknown.errors).toMatch(/^troupe replay: .*rn_nobody/);
  expect(wrong.errors).toMatch(/--with takes model=NAME/);
  expect(denied).toMatchObject({ code: 1, out: "" });
});

test("a run that is not there, or not any more, is said with where it was looked for and how long it is kept", async () => {
  const { url } = product;
  const remote = await troupe(["replay", "rn_nobody", "--url", url]);
  const file = await troupe(["replay", run, "--with", "system_message=nowhere.txt"]);
  await product.stop();
  const local = await troupe(["replay", "rn_nobody"]);
  await product.start();

  expect(remote.errors).toContain(`at the server that answers at ${url},`);
  expect(remote.errors).toMatch(/retention_days/);
  expect(local.errors).toMatch(/There is no run rn_nobody\. It was looked for in the data folder/);
  expect(local.errors).toContain(join(product.folder, "data"));
  expect(local.errors).toMatch(/kept for 30 days \(retention_days\)/);
  expect(file.errors).toMatch(/"nowhere.txt" cannot be read \(ENOENT\)/);
});

test("another version of the agent is tried on a recorded message, and versions outlive a restart", async () => {
  const path = `/v2/agents/${agent}`;
  const draft = await product.call("POST", `${path}/versions`, { system_message: "Be kind." });
  const { version } = draft.body;
  await product.call("PUT", `${path}/canary`, { version, share: 1 });
  await product.stop();
  await product.start();

  const said = await troupe([
    ...["replay", run, "--url", product.url, "--with", `agent=${version}`, "--dry"],
  ]);
  const { body: listed } = await product.call("GET", `${path}/versions?limit=2`);
  const { body } = await product.call("POST", `${path}/runs`, { input: "A refund, q-canary" });
  const { body: ran } = await product.call("GET", `/v2/runs/${body.id}`);

  const back = await troupe([
    ...["versions", agent, "--url", product.url, "--rollback", String(version - 1)],
  ]);

  expect(back).toMatchObject({ code: 0, errors: "" });
  expect(back.out).toMatch(/^ +\d+ +\S+ +restored from \d+, current$/m);
  expect(said.out).toContain("+ system: Be kind.");
  expect(said.out).toMatch(/^= step +route-model/m);
  expect(listed.data).toMatchObject([
    { version: version + 1, reason: "canary", is_current: true },
    { version, reason: "draft", canary_share: 1 },
  ]);
  expect(ran.agent_version).toBe(version);
  expect(product.provider.calls("q-canary")[0]?.prompt).toContain("Be kind.");
});

test("a member's key may not read a record", async () => {
  const { body } = await product.call("POST", "/admin/keys", { name: "Website" });

  const { status } = await product.call("GET", `/v2/runs/${run}/record`, undefined, {
    key: body.key,
  });

  expect(status).toBe(403);
});

test("a team is replayed with a member on another version, over HTTP and from the folder; what makes no sense is refused", async () => {
  const record = { name: "Ann", model_name: "gpt-4o-mini", system_message: "You are Ann." };
  const { body: ann } = await product.call("POST", "/v2/agents", record);
  const members = [{ agent: ann.id }, { agent, name: "Desk" }];
  const team = { name: "Two", mode: "coordinate", members };
  const { body: made } = await product.call("POST", "/v2/teams", team);
  const { body: reply } = await product.call("POST", `/v2/teams/${made.id}/runs`, {
    ...{ input: "What about the invoice?" },
  });
  const other = { ...record, system_message: "You are Ann, and brief." };
  expect((await product.call("PUT", `/v2/agents/${ann.id}`, other)).status).toBe(200);
  const before = calls();
  const swapped = (value: string): readonly string[] => [
    ...["replay", String(reply.run_id), "--with", value, "--dry"],
  ];

  const remote = await troupe([...swapped(`agent=${ann.id}.2`), "--url", product.url]);
  const refused = await troupe([...swapped("agent=2"), "--url", product.url]);
  await product.stop();
  const local = await troupe(swapped(`agent=${ann.id}.2`));
  await product.start();

  expect(remote).toMatchObject({ code: 0, errors: "" });
  expect(remote.out).toContain("would call gpt-4o-mini");
  expect(remote.out).toMatch(/\+ system: You are Ann, and brief\./);
  expect(local.out).toBe(remote.out);
  expect(refused.code).toBe(1);
  expect(refused.errors).toContain(`one of them: ${ann.id}, ${agent}`);
  expect(calls()).toBe(before);
});
