// The matrix of the routes of the kinds of resources.

import { matrixOf } from "./matrix.ts";
import { areas } from "./rows/all.ts";

await matrixOf(areas.resources);
