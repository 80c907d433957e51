// Channels of troupe.yaml in the real process: records of their names, kept as the file says, and nobody else's to
// change while they stand there.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/channels/channel-desk.ts";
import { type Product, startProduct } from "../support/product.ts";
import { spawnServer } from "../support/running-server.ts";

const SECRET = `whsec_${"Q".repeat(43)}=`;
const hook = (more = "") =>
  `  hook: {kind: webhook, agent: Desk, secret: "\${HOOK_SECRET}"${more}}\n`;
const broken = "  broken: {kind: webhook, agent: Nobody, secret: other-secret-of-it}\n";

let product: Product;

beforeAll(async () => {
  const config = `channels:\n${hook()}${broken}`;
  product = await startProduct({ config, env: { HOOK_SECRET: SECRET } });
});
afterAll(() => product.end());

const channels = async () => (await product.call("GET", "/v2/channels")).body.data;
/** As an operator does who changed it and does not wait. */
async function change(file: string): Promise<void> {
  await writeFile(join(product.folder, "troupe.yaml"), file);
  product.server.process.kill("SIGHUP");
}
const said = (what: string) =>
  until(
    () => product.server.errors(),
    (log) => log.includes(what),
  );
/** The channel of the file, when it is so. */
const hookWhen = async (isSo: (channel: { readonly [name: string]: unknown }) => boolean) => {
  const all = await until(channels, (found) => found.some(isSo));
  return all.find(isSo);
};

test("a channel of the file is there as soon as who answers is; another that cannot be harms nothing", async () => {
  await said("channels.hook.agent: There is no agent, team or workflow named");
  expect(await channels()).toEqual([]);

  await product.call("POST", "/v2/agents", { name: "Desk" });
  product.server.process.kill("SIGHUP");

  const made = await hookWhen(({ name }) => name === "hook");
  expect(made).toMatchObject({ kind: "webhook", secrets: { secret: "***" }, version: 1 });
  expect(await channels()).toHaveLength(1);
  const { body } = await product.call("GET", `/v2/channels/${made.id}/status`);
  expect(body.state).toBe("open");
  await said('channels.broken.agent: There is no agent, team or workflow named \\"Nobody\\"');
});

test("the API refuses to change it, and says where it is changed", async () => {
  const { id } = await hookWhen(({ name }) => name === "hook");
  const refusals = [
    await product.call("PATCH", `/v2/channels/${id}`, { live: true }),
    await product.call("DELETE", `/v2/channels/${id}`),
  ];
  expect(refusals.map(({ status }) => status)).toEqual([409, 409]);
  expect(refusals[0]?.body.detail).toContain("troupe.yaml, under channels.hook");
});

test("what changes in the file changes there, and a file that is wrong changes nothing", async () => {
  await product.call("POST", "/v2/agents", { name: "Second" });
  await change(`channels:\n${hook(", on_busy: merge, agents: {other: Second}")}`);
  const { id, version } = await hookWhen(({ on_busy }) => on_busy === "merge");
  expect(version).toBe(2);
  const { agents } = await hookWhen(({ name }) => name === "hook");
  expect(agents.other).toMatch(/^ag_/);

  await change(`channels:\n${hook(", on_buzy: steer")}`);
  await said("troupe.yaml:2:73: channels.hook.on_buzy: A channel of kind webhook has no field");
  expect((await product.call("GET", `/v2/channels/${id}`)).body.version).toBe(2);
});

test("one that is not in the file any more is switched off, and is the tenant's", async () => {
  const { id } = await hookWhen(({ name }) => name === "hook");
  await change("channels: {}\n");
  await hookWhen(({ is_active }) => is_active === false);
  const freed = await until(
    () => product.call("PATCH", `/v2/channels/${id}`, { language: "de" }),
    ({ status }) => status === 200,
  );
  expect(freed.body).toMatchObject({ is_active: false, language: "de" });
});

test("no secret of the file is in the log or in what the server tells of itself", async () => {
  const audit = await product.call("GET", "/admin/audit?limit=100");
  const server = await product.call("GET", "/admin/audit?tenant=tn_system&limit=100");
  expect([audit.status, server.status]).toEqual([200, 200]);
  const told = JSON.stringify([audit.body, server.body]);
  expect(told).toContain("server.start");
  for (const text of [product.server.errors(), told]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("other-secret-of-it");
  }
});

test("middleware that cannot be loaded ends the start with a line that names the file", async () => {
  const file = join(product.folder, "gone.mjs");
  await writeFile(join(product.folder, "other.yaml"), `gateway: {middleware: ${file}}\n`);
  const server = spawnServer({
    TROUPE_CONFIG: join(product.folder, "other.yaml"),
    TROUPE_DATA: join(product.folder, "other"),
  });
  try {
    const code = await new Promise((resolve) => server.process.once("close", resolve));
    expect(code).toBe(1);
    expect(server.errors()).toContain(`troupe: gateway.middleware: ${file}: `);
  } finally {
    await server.end();
  }
});

test("the first channel of a file that had none is taken without a restart", async () => {
  await product.server.stop();
  await writeFile(join(product.folder, "troupe.yaml"), "log_level: error\n");
  await product.start();
  await change(`log_level: error\nchannels:\n${hook().replace("hook:", "first:")}`);

  const made = await hookWhen(({ name }) => name === "first");
  expect(made).toMatchObject({ kind: "webhook", secrets: { secret: "***" } });
});
