// The fake provider as a process of its own: prints one line of JSON with its port and answers until
// it is stopped. Used by the bench and by tests that kill the server under test.
//   node dist/test/support/fake-provider-main.js [--port 0] [--fast] [--tokens 50] [--token-ms 0]
//        [--first-token-ms 0] [--text TEXT]

import { parseArgs } from "node:util";
import { createFakeProvider } from "./fake-provider.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    fast: { type: "boolean", default: false },
    tokens: { type: "string", default: "50" },
    "token-ms": { type: "string", default: "0" },
    "first-token-ms": { type: "string", default: "0" },
    text: { type: "string" },
  },
});
const port = Number(values.port);
const tokenMs = Number(values["token-ms"]);
const firstTokenMs = Number(values["first-token-ms"]);

if (values.fast) {
  // Loaded only here: it needs the native server, which not every version of Node has.
  const { createFastProvider } = await import("./fake-provider-fast.ts");
  const provider = createFastProvider({
    port,
    tokens: Number(values.tokens),
    tokenMs,
    firstTokenMs,
  });
  console.log(JSON.stringify({ port: provider.port }));
} else {
  const provider = await createFakeProvider({ port });
  const text = values.text === undefined ? {} : { text: values.text };
  provider.otherwise({ tokenMs, firstTokenMs, ...text });
  console.log(JSON.stringify({ port: provider.port }));
}
