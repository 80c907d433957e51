// The pages of the sample's collection: the project's README and the Markdown beside its code.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** One page, as the knowledge API takes it. */
export interface Page {
  /** Path from the project's folder with dashes, e.g. "adapters-http-readme-md". */
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly metadata: { readonly path: string };
}

// Four folders up from dist/adapters/cli/sample/.
const project = fileURLToPath(new URL("../../../../", import.meta.url));
const folders = ["runtime", "actors", "adapters"];
const PAGES_MAX = 100;

/** Reads the pages, in order of path. */
export async function readPages(root: string = project): Promise<readonly Page[]> {
  const below = await Promise.all(folders.map((folder) => markdownIn(join(root, folder))));
  const paths = [join(root, "README.md"), ...below.flat()].slice(0, PAGES_MAX);
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(path, "utf8");
      const place = relative(root, path).replaceAll("\\", "/");
      return {
        id: place.toLowerCase().replace(/[^a-z0-9]+/g, "-"),
        title: /^# (.+)$/m.exec(text)?.[1] ?? place,
        text,
        metadata: { path: place },
      };
    }),
  );
}

async function markdownIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  return entries
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .sort()
    .map((name) => join(folder, name));
}
