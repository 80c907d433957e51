// Looks at an account from outside: number and token, the app's secret, and whether Meta tells us anything.

import { createHmac } from "node:crypto";
import type { Finding, PlatformAnswer } from "../adapter.ts";
import { jsonIn } from "../platform-answer.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { failureOf } from "./errors.ts";
import { callGraph, type Graph } from "./graph.ts";
import { appSecrets } from "./settings.ts";

/** What was found, in the order in which it is mended. */
export async function probeAccount(graph: Graph, signal: AbortSignal): Promise<Finding[]> {
  const { settings } = graph;
  const numbers = [settings.phone_number_id, ...(settings.more_phone_number_ids ?? [])];
  const findings: Finding[] = [];
  for (const number of numbers) findings.push(await numberOf(graph, number, signal));
  if (findings.some(({ ok }) => !ok)) return findings;
  findings.push(await secretOf(graph, signal));
  if (settings.app_id !== undefined) findings.push(await tokenOf(graph, settings.app_id, signal));
  findings.push(await webhookOf(graph, signal));
  return findings;
}

async function numberOf(graph: Graph, number: string, signal: AbortSignal): Promise<Finding> {
  const fields = "display_phone_number,verified_name,quality_rating";
  const answer = await callGraph(graph, `${number}?fields=${fields}`, { method: "GET", signal });
  const found = foundIn(answer);
  const shown = textIn(found, "display_phone_number", 40);
  if (shown !== null) {
    const name = textIn(found, "verified_name", 200) ?? "without a name";
    const quality = textIn(found, "quality_rating", 20) ?? "unknown";
    return { ok: true, text: `The number ${shown} (${name}) answers; its quality is ${quality}.` };
  }
  return {
    ok: false,
    text: `The number ${number} cannot be read. ${reasonOf(graph, answer)}`,
    help: "Check phone_number_id, and that access_token belongs to a system user with whatsapp_business_messaging for it.",
  };
}

// A request that is signed with the app's secret is refused unless the token is of that app.
async function secretOf(graph: Graph, signal: AbortSignal): Promise<Finding> {
  const { settings } = graph;
  const [secret = ""] = appSecrets(settings);
  const proof = createHmac("sha256", secret).update(settings.access_token).digest("hex");
  const path = `${settings.phone_number_id}?fields=id&appsecret_proof=${proof}`;
  const answer = await callGraph(graph, path, { method: "GET", signal });
  if (foundIn(answer) !== null) return { ok: true, text: "The app secret is the token's app's." };
  return {
    ok: false,
    text: `The app secret does not belong to the token's app. ${reasonOf(graph, answer)}`,
    help: "Copy app_secret from the app's basic settings: deliveries signed with another are refused.",
  };
}

async function tokenOf(graph: Graph, app: string, signal: AbortSignal): Promise<Finding> {
  const { settings } = graph;
  const [secret = ""] = appSecrets(settings);
  const answer = await callGraph(
    graph,
    `debug_token?input_token=${encodeURIComponent(settings.access_token)}`,
    { method: "GET", headers: { authorization: `Bearer ${app}|${secret}` }, signal },
  );
  const data = memberOf(foundIn(answer), "data");
  const until = memberOf(data, "expires_at");
  const scopes = listIn(data, "scopes");
  if (memberOf(data, "is_valid") !== true) {
    const text = `The token is not valid. ${reasonOf(graph, answer)}`;
    return { ok: false, text, help: "Make a new token of a system user that does not expire." };
  }
  if (!scopes.includes("whatsapp_business_messaging")) {
    const text = "The token may not send messages.";
    return { ok: false, text, help: "Give it the permission whatsapp_business_messaging." };
  }
  if (typeof until === "number" && until > 0) {
    const when = new Date(until * 1_000).toISOString();
    const text = `The token is valid until ${when}.`;
    return { ok: true, text, help: "A system user's token can be made without an end." };
  }
  return { ok: true, text: "The token is valid and does not expire." };
}

async function webhookOf(graph: Graph, signal: AbortSignal): Promise<Finding> {
  const { business_account_id: account, app_id: app } = graph.settings;
  if (account === undefined) {
    const text = "Whether webhooks are subscribed was not looked at.";
    return { ok: true, text, help: "Set business_account_id to have it looked at." };
  }
  const answer = await callGraph(graph, `${account}/subscribed_apps`, { method: "GET", signal });
  const apps = listIn(foundIn(answer), "data").map((one) =>
    textIn(memberOf(one, "whatsapp_business_api_data"), "id", 40),
  );
  if (app === undefined ? apps.length > 0 : apps.includes(app)) {
    return { ok: true, text: "The app is subscribed to the account's webhooks." };
  }
  return {
    ok: false,
    text: "The app is not subscribed to the account's webhooks: no message arrives.",
    help: `POST ${account}/subscribed_apps with the token, and subscribe the app to the field messages.`,
  };
}

function foundIn(answer: PlatformAnswer): unknown {
  if (!answer.reached || answer.status < 200 || answer.status > 299) return null;
  return jsonIn(answer.body);
}

function reasonOf(graph: Graph, answer: PlatformAnswer): string {
  const { secrets, environment } = graph;
  return failureOf(answer, { attempt: 1, nowMs: environment.nowMs(), secrets }).reason;
}
