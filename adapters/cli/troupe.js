#!/usr/bin/env -S node --initial-old-space-size=256 --expose-gc
// The command `troupe`: makes the clone ready if it is not, then hands over to the command table.
// One process from here to the server, so that a signal sent to it reaches the server itself.
//
// The flags of the first line, as in package.json's `start`: no major collection below 256 MiB of old
// objects (the default is a small multiple of what lives). One takes 100 to 200 ms of a small machine,
// in which every chat is slow; so they come each minute of full load instead of each few seconds. And the
// runtime may collect a thread that has come to rest (runtime/threads/rest-collector.ts).

import { setUp } from "./setup.js";

setUp({ build: true, tests: false });
const { runCommand } = await import("../../dist/adapters/cli/commands.js");
const code = await runCommand(process.argv.slice(2));
if (code !== null) process.exitCode = code;
