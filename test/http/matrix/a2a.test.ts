// The rows of A2A.

import { matrixOf } from "./matrix.ts";
import { areas } from "./rows/all.ts";

await matrixOf(areas.a2a);
