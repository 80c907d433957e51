#!/usr/bin/env node
// The command `troupe`: makes the clone ready if it is not, then hands over to the command table.
// One process from here to the server, so that a signal sent to it reaches the server itself.

import { setUp } from "./setup.js";

setUp({ build: true });
const { runCommand } = await import("../../dist/adapters/cli/commands.js");
const code = await runCommand(process.argv.slice(2));
if (code !== null) process.exitCode = code;
