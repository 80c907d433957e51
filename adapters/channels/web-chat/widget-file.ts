// The widget as one script: its modules and its style, joined when they are first asked for. Nothing is
// compiled; what only people read is left out (shorten.ts), because every visitor of a page loads it.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ChannelRequest, ChannelResponse, ChannelRoute, Handled } from "../adapter.ts";
import { namesOf, type Renames, shorten } from "./shorten.ts";

// Four folders up from dist/adapters/channels/web-chat/, then into the sources.
const sources = new URL("../../../../adapters/", import.meta.url);
const folder = "channels/web-chat/widget/";
/** In the order in which they need each other. */
const modules = [
  "console/markdown.js",
  ...["memory.js", "calls.js", "link.js", "panel.js", "view.js", "widget.js"].map(
    (name) => folder + name,
  ),
];
const MAX_AGE_S = 300;

/** The script with its digest. */
export interface WidgetFile {
  readonly body: string;
  readonly tag: string;
}

let loaded: Promise<WidgetFile> | undefined;

/** Reads and joins it, once. */
export function widgetFile(): Promise<WidgetFile> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

/** GET /widget.js: for anybody, because it holds nothing. */
export const widgetRoute: ChannelRoute = {
  method: "GET",
  path: "/widget.js",
  bodyMax: 0,
  handle: async ({ headers }: ChannelRequest): Promise<Handled> => {
    const { body, tag } = await widgetFile();
    const isKnown = headers["if-none-match"] === tag;
    const common = {
      ETag: tag,
      "Cache-Control": `public, max-age=${MAX_AGE_S}`,
      "Cross-Origin-Resource-Policy": "cross-origin",
      "Access-Control-Allow-Origin": "*",
      "X-Content-Type-Options": "nosniff",
    };
    const ack: ChannelResponse = isKnown
      ? { status: 304, headers: common }
      : { status: 200, contentType: "text/javascript; charset=utf-8", headers: common, body };
    return { events: [], ack };
  },
};

async function load(): Promise<WidgetFile> {
  const read = (name: string) => readFile(new URL(name, sources), "utf8");
  const style = shorterStyle(await read(`${folder}style.css`));
  const scripts = await Promise.all(modules.map(read));
  const names = namesOf(scripts);
  const joined = scripts.map((source) => joinable(source, names)).join("\n");
  const body = `(()=>{"use strict";const STYLE=${JSON.stringify(style)};${joined}})();\n`;
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { body, tag };
}

/** A module as a piece of one script: its names are everybody's. */
function joinable(source: string, names: Renames): string {
  return shorten(source.replace(/^import [^;]*;$/gm, "").replace(/^export /gm, ""), names);
}

function shorterStyle(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,>]) ?/g, "$1")
    .replace(/: /g, ":")
    .replaceAll(";}", "}")
    .trim();
}
