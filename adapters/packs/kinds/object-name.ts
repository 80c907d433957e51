// Names that objects have in a pack.

import { Type } from "../../../actors/schema.ts";

/** Name of a pack, of an object in it, and of a part of one. */
export const objectName = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" });
