// The widget as one script, its modules and its style joined when they are first asked for; and what it fetches
// where files are sent, a module by itself. Nothing is compiled; what only people read is left out (shorten.ts),
// because every visitor of a page loads it.

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

/** GET /widget.js and /files.js: for anybody, because they hold nothing. */
export const widgetRoutes: readonly ChannelRoute[] = [
  { method: "GET", path: "/widget.js", bodyMax: 0, handle: served(widgetFile) },
  { method: "GET", path: "/files.js", bodyMax: 0, handle: served(filesFile) },
];

let loadedWidget: Promise<WidgetFile> | undefined;
let loadedFiles: Promise<WidgetFile> | undefined;

/** Reads and joins it, once. */
export function widgetFile(): Promise<WidgetFile> {
  loadedWidget ??= load().catch((error: unknown) => {
    loadedWidget = undefined;
    throw error;
  });
  return loadedWidget;
}

/** What has to do with files. */
export function filesFile(): Promise<WidgetFile> {
  loadedFiles ??= read(`${folder}files.js`).then(
    (source) => tagged(shorten(source)),
    (error: unknown) => {
      loadedFiles = undefined;
      throw error;
    },
  );
  return loadedFiles;
}

function served(file: () => Promise<WidgetFile>) {
  return async ({ headers }: ChannelRequest): Promise<Handled> => {
    const { body, tag } = await file();
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
  };
}

async function load(): Promise<WidgetFile> {
  const style = shorterStyle(await read(`${folder}style.css`));
  const scripts = await Promise.all(modules.map((name) => read(name)));
  const names = namesOf(scripts);
  const joined = scripts.map((source) => joinable(source, names)).join("\n");
  return tagged(`(()=>{"use strict";const STYLE=${JSON.stringify(style)};${joined}})();\n`);
}

function read(name: string): Promise<string> {
  return readFile(new URL(name, sources), "utf8");
}

function tagged(body: string): WidgetFile {
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
