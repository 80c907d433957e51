// Paths of files beside a pack's: they stay below its folder, on every system.

const CHARS_MAX = 500;

/** Whether a path stays in the folder that it is relative to. */
export function isBelow(path: string): boolean {
  const isPlain = path.length <= CHARS_MAX && !path.startsWith("/") && !/[\\:\0]/.test(path);
  return isPlain && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
