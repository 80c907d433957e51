// Everything that the server tells who may read: each GET of its own description, with the ids that lists
// have shown. What it does not find is named, so that a test can say what it has read.

import type { Product } from "./product.ts";
import type { Json } from "./wire-client.ts";

/** Bodies by path, as they came. */
export interface EveryRead {
  readonly bodies: ReadonlyMap<string, string>;
  /** Patterns of which no record is there. */
  readonly unread: readonly string[];
}

/** Streams that stay open are read for so long, ms. */
const STREAM_MS = 300;
/** Records of one list that are read one by one. */
const EACH_MAX = 3;
const PARAMETER = /\{(\w+)\}/;

/** Reads it all with a key. */
export async function readEverything(product: Product, key: string): Promise<EveryRead> {
  const { body } = await product.call("GET", "/openapi.json", undefined, { key });
  const patterns = Object.entries(body.paths as Json)
    .flatMap(([path, methods]) => ("get" in (methods as object) ? [path] : []))
    .sort((one, other) => depth(one) - depth(other));
  const bodies = new Map<string, string>();
  const unread: string[] = [];
  for (const pattern of patterns) {
    const paths = filled(pattern, bodies);
    if (paths.length === 0) unread.push(pattern);
    for (const path of paths) bodies.set(path, await textOf(product, path, key));
  }
  return { bodies, unread };
}

const depth = (path: string): number => path.split("{").length;

/** A pattern with ids of the list that shows them. */
function filled(pattern: string, bodies: ReadonlyMap<string, string>): readonly string[] {
  const parameter = PARAMETER.exec(pattern);
  if (parameter === null) return [pattern];
  const list = listOf(pattern.slice(0, parameter.index).replace(/\/$/, ""));
  return idsOf(bodies.get(list) ?? "").flatMap((id) =>
    filled(pattern.replace(parameter[0], encodeURIComponent(id)), bodies),
  );
}

/** Surfaces that have a list under another name. */
const listOf = (path: string): string =>
  path
    .replace(/core-agent-conversation-details$/, "core-agent-conversations")
    .replace(/core-agent-(details|knowledge|subagents)$/, "core-agents")
    .replace(/^\/a2a$/, "/v2/agents");

function idsOf(text: string): readonly string[] {
  let rows: unknown;
  try {
    rows = JSON.parse(text).data;
  } catch {
    return [];
  }
  if (!Array.isArray(rows)) return [];
  const ids = rows.map((row: Json) => row.id ?? row.agent_key ?? row.name ?? row.version);
  return ids
    .filter((id) => id !== undefined)
    .slice(0, EACH_MAX)
    .map(String);
}

/** Head and body, of streams what comes in a moment. */
async function textOf(product: Product, path: string, key: string): Promise<string> {
  const ending = AbortSignal.timeout(20_000);
  const response = await fetch(product.url + path, {
    headers: { "X-API-Key": key },
    redirect: "manual",
    signal: ending,
  });
  const head = JSON.stringify([...response.headers]);
  const pieces: Uint8Array[] = [];
  const reader = response.body?.getReader();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const late = isStream ? afterMs(STREAM_MS) : undefined;
  while (reader !== undefined) {
    const read = await (late === undefined ? reader.read() : Promise.race([reader.read(), late]));
    if (read === undefined || read.done) break;
    pieces.push(read.value);
  }
  await reader?.cancel();
  const body = Buffer.concat(pieces).toString("utf8");
  return path.endsWith("/") || isStream ? `${head}${body}` : body || head;
}

const afterMs = (ms: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
