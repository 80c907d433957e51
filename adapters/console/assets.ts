// The chat page's files, read once when the server starts. They are served as they stand in the
// source folder: nothing is built and nothing comes from another host.

import { readFile } from "node:fs/promises";

/** One file of the page. */
export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

// Three folders up from dist/adapters/console/, then into the sources.
const folder = new URL("../../../adapters/console/", import.meta.url);

const files = [
  { path: "/", name: "chat.html", type: "text/html; charset=utf-8" },
  { path: "/console/chat.css", name: "chat.css", type: "text/css; charset=utf-8" },
  { path: "/console/chat.js", name: "chat.js", type: "text/javascript; charset=utf-8" },
  { path: "/console/stream.js", name: "stream.js", type: "text/javascript; charset=utf-8" },
  { path: "/console/markdown.js", name: "markdown.js", type: "text/javascript; charset=utf-8" },
  { path: "/console/icon.svg", name: "icon.svg", type: "image/svg+xml" },
] as const;

/** Reads the page's files. @throws when one is missing: the installation is broken. */
export function loadAssets(): Promise<readonly Asset[]> {
  return Promise.all(
    files.map(async ({ path, name, type }) => ({
      path,
      type,
      body: await readFile(new URL(name, folder), "utf8"),
    })),
  );
}
