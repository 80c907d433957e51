// Files beside a pack's: their paths stay below its folder, on every system.

const CHARS_MAX = 500;

/** Texts of the files that were sent with a pack, by their paths from its folder. */
export type PackFiles = Readonly<Record<string, string>>;

/** Whether a path stays in the folder that it is relative to. */
export function isBelow(path: string): boolean {
  const isPlain = path.length <= CHARS_MAX && !path.startsWith("/") && !/[\\:\0]/.test(path);
  return isPlain && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** A file beside the pack's. */
export function fileNamed(path: string, files: PackFiles): string | undefined {
  return isBelow(path) && Object.hasOwn(files, path) ? files[path] : undefined;
}

/** What is wrong with a path that names no file. */
export function fileProblem(path: string): string {
  if (isBelow(path)) return `The file ${path} was not sent with the pack.`;
  return "A file is named by a path below the pack's own folder, such as docs/terms.md.";
}
