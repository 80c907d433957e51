// Deliveries that set triggers off: signed ones are taken once, also again and by a secret on its way out; whoever
// proves nothing learns nothing.

import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemRows } from "../../../adapters/tenants/system-rows.ts";
import { placeTables } from "../../../adapters/triggers/places.ts";
import { newId } from "../../../runtime/id.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Answer, Json } from "../../support/wire-client.ts";

const secretOf = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const SECRET = secretOf(1);

let host: HttpHost;
let target = "";
beforeAll(async () => {
  host = await startHttpHost();
  target = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
});
afterAll(() => host.stop());

/** A trigger at rest: what is delivered is in the ledger, skipped. */
async function hook(more: object = {}): Promise<string> {
  const signing = { secrets: { signing: SECRET } };
  const body = { name: "Hook", target, type: "webhook", is_active: false, ...signing, ...more };
  const made = await host.call("POST", "/v2/triggers", body);
  expect(made.status).toBe(201);
  return made.body.id;
}

function signed(
  body: string,
  { id = newId("msg", Date.now()), secret = SECRET, at = new Date() } = {},
): Readonly<Record<string, string>> {
  return {
    "webhook-id": id,
    "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

const deliver = (
  id: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> => host.call("POST", `/hooks/${id}`, body, { key: "", headers });
const ledger = async (id: string): Promise<readonly Json[]> =>
  (await host.call("GET", `/v2/triggers/${id}/occurrences`)).body.data;

test("a signed delivery is taken once, however often it comes, and is what the ledger shows", async () => {
  const id = await hook();
  const body = JSON.stringify({ order: 7, note: "ü" });
  const headers = { ...signed(body), "X-Acme-Topic": "orders", "X-Other": "no" };

  const answers = [await deliver(id, body, headers), await deliver(id, body, headers)];
  const other = await deliver(id, body, signed(body));

  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  expect(answers.map((one) => one.body.occurrence)).toEqual([`${id}.000000000001`, null]);
  expect(other.body.occurrence).toBe(`${id}.000000000002`);
  const rows = await ledger(id);
  expect(rows.map(({ state, why }) => `${state} ${why}`)).toEqual([
    ...["skipped paused", "skipped paused"],
  ]);
  expect(rows[1]).toMatchObject({
    cause: "webhook",
    data: { body: { order: 7, note: "ü" }, headers: { "x-acme-topic": "orders" } },
  });
});

test("wrong, late, early and missing signatures have one answer, and so has a trigger that is not there", async () => {
  const id = await hook();
  const schedule = await host.call("POST", "/v2/triggers", {
    ...{ name: "Other", target, type: "schedule", cron: "0 0 1 1 *" },
  });
  const body = "{}";
  const minutes = (by: number) => new Date(Date.now() + by * 60_000);
  const hub = createHmac("sha256", SECRET).update(body).digest("hex");
  const refused = [
    await deliver(id, body, {}),
    await deliver(id, `${body} `, signed(body)),
    await deliver(id, body, signed(body, { secret: secretOf(2) })),
    await deliver(id, body, signed(body, { at: minutes(-6) })),
    await deliver(id, body, signed(body, { at: minutes(6) })),
    await deliver(id, body, { "X-Hub-Signature-256": `sha256=${hub}` }),
    await deliver(`${id.slice(0, -4)}0000`, body, signed(body)),
    await deliver(schedule.body.id, body, signed(body)),
    await deliver("%00", body, signed(body)),
    await deliver("tr_x", "x".repeat(10), {}),
    // What deliveries to nobody are compared with is in the open.
    await deliver("tr_x", body, signed(body, { secret: secretOf(0) })),
  ];

  const told = refused.map(({ status, body: { code, detail } }) => ({ status, code, detail }));
  const one = { status: 401, code: "UNAUTHENTICATED", detail: "No trigger takes this delivery." };
  expect(told).toEqual(told.map(() => one));
  expect(await ledger(id)).toEqual([]);
});

test("while a secret is replaced both are good; then the old one is not", async () => {
  const id = await hook({ secrets: { signing: `${secretOf(2)} ${SECRET}` } });
  const statusOf = async (secret: string) =>
    (await deliver(id, "{}", signed("{}", { secret }))).status;

  expect([await statusOf(SECRET), await statusOf(secretOf(2))]).toEqual([202, 202]);
  await host.call("PATCH", `/v2/triggers/${id}`, { secrets: { signing: secretOf(2) } });
  expect([await statusOf(SECRET), await statusOf(secretOf(2))]).toEqual([401, 202]);
});

test("a delivery as GitHub signs it is taken where the trigger says so, and known by its body", async () => {
  const secret = "It's_a_Secret_to_Everybody";
  const id = await hook({
    secrets: { signing: secret },
    signature_header: "X-Hub-Signature-256",
  });
  const of = (body: string) => {
    const mac = createHmac("sha256", secret).update(body).digest("hex");
    return { "X-Hub-Signature-256": `sha256=${mac}`, "X-GitHub-Event": "push" };
  };
  const body = "Hello, World!";

  const first = await deliver(id, body, { ...of(body), "Content-Type": "text/plain" });
  const again = await deliver(id, body, { ...of(body), "Content-Type": "text/plain" });
  const wrong = await deliver(id, body, of("Hello!"));

  expect([first.body.occurrence, again.body.occurrence]).toEqual([`${id}.000000000001`, null]);
  expect(wrong.status).toBe(401);
  expect((await ledger(id))[0].data).toEqual({ body, headers: { "x-github-event": "push" } });
});

test("256 KiB are taken and a byte more is not; what is no JSON and no text is refused once it is proved", async () => {
  const id = await hook();
  const fits = "x".repeat(256 * 1_024);
  const text = { "Content-Type": "text/plain" };

  expect((await deliver(id, fits, { ...signed(fits), ...text })).status).toBe(202);
  expect((await deliver(id, `${fits}x`, { ...signed(`${fits}x`), ...text })).status).toBe(413);
  const half = await deliver(id, '{"a":', signed('{"a":'));
  expect([half.status, half.body.code]).toEqual([400, "BAD_JSON"]);
  expect((await deliver(id, '{"a":', {})).status).toBe(401);
});

test("the secret is shown to nobody, kept by what is shown for it, and lies sealed", async () => {
  const id = await hook();
  const path = `/v2/triggers/${id}`;
  const shown = (await host.call("GET", path)).body;
  const { id: _, version: __, created_at: ___, updated_at: ____, ...fields } = shown;
  const put = await host.call("PUT", path, { ...fields, name: "Renamed" });
  const versions = await host.call("GET", `${path}/versions/1`);

  expect(shown.secrets).toEqual({ signing: "***" });
  expect(put.body).toMatchObject({ name: "Renamed", secrets: { signing: "***" } });
  expect(JSON.stringify(versions.body)).not.toContain(SECRET);
  expect((await deliver(id, "{}", signed("{}"))).status).toBe(202);
});

test("of one that is removed nothing is taken any more", async () => {
  const id = await hook();
  await host.call("DELETE", `/v2/triggers/${id}`);

  expect((await deliver(id, "{}", signed("{}"))).status).toBe(401);
});

test("what a delivery said at length is shown with its occurrence, and not in lists", async () => {
  const id = await hook();
  const body = JSON.stringify({ text: "x".repeat(20_000) });
  const { occurrence } = (await deliver(id, body, signed(body))).body;

  expect((await ledger(id))[0].data).toBe(null);
  const one = await host.call("GET", `/v2/triggers/${id}/occurrences/${occurrence}`);
  expect(one.body.data.body.text.length).toBe(20_000);
});

test("where the triggers of a removed tenant are found goes with it", () => {
  const rows = new SystemRows((tenant) => tenant === "tn_gone");
  const left = Object.values(placeTables).flatMap((table) =>
    ["tn_gone", "tn_here"].map((tenant) => rows.left(table, "tr_1", { tenant, trigger: "tr_1" })),
  );

  expect(left).toEqual(Object.keys(placeTables).flatMap(() => ["drop", "keep"]));
});

// Last: its refusals are counted for all of this file.
test("who proves nothing is refused for a while at last, and who signs is not", async () => {
  const id = await hook();
  const statuses: number[] = [];
  for (let at = 0; at < 80; at += 1) statuses.push((await deliver(id, "{}", {})).status);

  expect([...new Set(statuses)].sort()).toEqual([401, 429]);
  expect((await deliver(id, "{}", signed("{}"))).status).toBe(202);
});
