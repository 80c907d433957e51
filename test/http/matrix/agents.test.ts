// The matrix of the routes of document 001, of OpenAI's protocol and of agents.

import { matrixOf } from "./matrix.ts";
import { areas } from "./rows/all.ts";

await matrixOf(areas.agents);
