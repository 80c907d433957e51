// The matrix of the routes of knowledge, of the operator and of the pages.

import { matrixOf } from "./matrix.ts";
import { areas } from "./rows/all.ts";

await matrixOf(areas.knowledge);
