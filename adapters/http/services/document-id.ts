// Ids of documents, which their owners choose and which stand in addresses.

import { toUSVString } from "node:util";
import { collectionLimits } from "../../../actors/records/collection.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are refused.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Refuses what cannot stand in a path: clients resolve "." and "..", and a half of a surrogate pair
 * becomes the same as every other.
 * @throws INVALID with the pointer, when there is one.
 */
export function checkDocumentId(id: string, pointer?: string): void {
  const { idChars } = collectionLimits;
  const isPath = id === "." || id === "..";
  if (id.length >= 1 && id.length <= idChars && !isPath && !CONTROLS.test(id)) {
    if (toUSVString(id) === id) return;
  }
  throw new RuntimeError(
    "INVALID",
    `An id has 1 to ${idChars} characters, no control characters, and is not "." or "..".`,
    pointer === undefined ? undefined : { pointer },
  );
}
