// Starts a server, says its process and ends in the way that is asked for, without ending the server.
// Arguments: "fails", "waits" (for a signal, or for whoever started it to be gone), data folder.

import { endWithTheBench } from "../../bench/support/program-end.ts";
import { startServer } from "./running-server.ts";

const [how, data = ""] = process.argv.slice(2);
endWithTheBench();
const server = await startServer({ TROUPE_DATA: data, TROUPE_SAMPLE: "off" });
// One that still prints ends by itself when nobody reads it.
await server.printed(/Chat page/);
process.stdout.write(`${server.process.pid}\n`);
if (how === "fails") throw new Error("It fails.");
await new Promise(() => {});
