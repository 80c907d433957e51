// The matrix of the routes of runs, conversations, approvals and memories.

import { matrixOf } from "./matrix.ts";
import { areas } from "./rows/all.ts";

await matrixOf(areas.runs);
