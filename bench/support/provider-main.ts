// The bench's provider as a process of its own: prints one line of JSON with its port.

import { startProvider } from "./provider.ts";

console.log(JSON.stringify({ port: startProvider(Number(process.argv[2] ?? "0")) }));
