// What the file system says, as errors of the table: they name the path as the model wrote it and never the
// place on the disk.

import { RuntimeError } from "../../runtime/errors.ts";

/** What a link is refused with. */
export const isLink = (shown: string): RuntimeError =>
  new RuntimeError("FORBIDDEN", `${shown} is a link; links are not followed.`, at());

/** What a file is refused with that has another name as well: that one may be anywhere. */
export const isShared = (shown: string): RuntimeError =>
  new RuntimeError("FORBIDDEN", `${shown} has another name elsewhere (a hard link).`, at());

/** What a device, a pipe or a socket is refused with. */
export const isSpecial = (shown: string): RuntimeError =>
  new RuntimeError("FORBIDDEN", `${shown} is no plain file.`, at());

export const isFolder = (shown: string): RuntimeError =>
  new RuntimeError("CONFLICT", `${shown} is a folder.`, at());

export const isMissing = (shown: string): RuntimeError =>
  new RuntimeError("NOT_FOUND", `There is no ${shown}.`, at());

export const hasMoved = (shown: string): RuntimeError =>
  new RuntimeError("CONFLICT", `${shown} was exchanged while it was opened.`, at());

const known: Readonly<Record<string, (shown: string) => RuntimeError>> = {
  ENOENT: isMissing,
  ELOOP: isLink,
  ENXIO: isSpecial,
  EISDIR: isFolder,
  ENOTDIR: (shown) =>
    new RuntimeError("NOT_FOUND", `${shown} leads through something that is no folder.`, at()),
  EACCES: (shown) => denied(shown),
  EPERM: (shown) => denied(shown),
  EROFS: (shown) => denied(shown),
  ENAMETOOLONG: (shown) => new RuntimeError("INVALID", `A name in ${shown} is too long.`, at()),
  ENOSPC: () => new RuntimeError("CONFLICT", "There is no room on the disk.", at()),
  EDQUOT: () => new RuntimeError("CONFLICT", "There is no room on the disk.", at()),
  EEXIST: (shown) => new RuntimeError("CONFLICT", `${shown} is there already.`, at()),
};

/** An error of a call on what is shown as this. */
export function refusalOf(error: unknown, shown: string): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const { code } = error as { readonly code?: unknown };
  const name = typeof code === "string" ? code : "";
  const said = known[name]?.(shown);
  if (said !== undefined) return said;
  const text = `The file system refuses ${shown}${name && `: ${name}`}.`;
  return new RuntimeError("CONFLICT", text, at());
}

function denied(shown: string): RuntimeError {
  return new RuntimeError(
    "FORBIDDEN",
    `The server is not permitted to do this with ${shown}.`,
    at(),
  );
}

const at = () => ({ pointer: "/path" });
