// Workflows of small steps, each stored in PostgreSQL before the next begins; its URL is in
// PEER_POSTGRES.

import { DBOS } from "@dbos-inc/dbos-sdk";
import { measureRuns, STEPS } from "../steps.mjs";

// Ten connections, its default: more were not faster on two cores.
const silent = () => undefined;

const workflow = DBOS.registerWorkflow(
  async () => {
    let sum = 0;
    for (let at = 1; at <= STEPS; at += 1) {
      sum += await DBOS.runStep(async () => at, { name: `step${at}` });
    }
    return sum;
  },
  { name: "steps" },
);
DBOS.setConfig({
  name: "steps",
  applicationVersion: "1",
  systemDatabaseUrl: process.env.PEER_POSTGRES,
  logger: { debug: silent, info: silent, warn: console.error, error: console.error },
});
await DBOS.launch();
await measureRuns(async (workflowID) => {
  const handle = await DBOS.startWorkflow(workflow, { workflowID })();
  return await handle.getResult();
});
