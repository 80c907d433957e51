// Tables of the system's tenant in which applies of packs are written down while they are under way.

import { appliesTable } from "./schemas.ts";

/** `documents` has ids `<apply>.<n>`. */
export const packJournal = { applies: appliesTable, documents: "pack-documents" } as const;
