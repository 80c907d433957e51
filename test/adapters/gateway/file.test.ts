// A gateway.yaml: what it means, and that whatever is wrong with it is told with its line and column.

import { expect, test } from "vitest";
import { parseGatewayFile } from "../../../adapters/gateway/file.ts";

const NAME = ".troupe/gateway.yaml";
const read = (text: string, env = {}) => parseGatewayFile(NAME, text, env);
const secret = `whsec_${"A".repeat(43)}=`;

const whole = `# a comment
host: 0.0.0.0
port: 8090
session_ttl: 7200
agent:
  name: support
  provider: anthropic
  api_key: \${KEY}
  model: claude-haiku-4-5
  system_prompt: You are kind.
channels:
  hook:
    kind: webhook
    secrets: [ignored]
`;

test("a whole file is read, with variables in their places and defaults for the rest", async () => {
  const file = await read(
    whole.replace("    secrets: [ignored]\n", `    secret: \${HOOK:-${secret}}\n    reply: poll\n`),
    { KEY: "sk-1" },
  );
  expect(file).toMatchObject({
    ...{ host: "0.0.0.0", port: 8090 },
    agent: {
      name: "support",
      provider: "anthropic",
      apiKey: "sk-1",
      systemPrompt: "You are kind.",
    },
    settings: { sessionTtl: 7200 },
    channels: [{ name: "hook", kind: "webhook", fields: { secret, reply: "poll" } }],
  });
});

test("a server is named in place of an agent", async () => {
  const text = `server: {url: "http://127.0.0.1:1", key: k, agent: Support}\nchannels: {}\n`;
  expect(await read(text)).toMatchObject({
    ...{ port: 8080, host: "127.0.0.1" },
    agent: { server: { url: "http://127.0.0.1:1", key: "k" }, agent: "Support" },
  });
});

test.each([
  [
    "agent: {name: a}\nchannels:\n  x: {kind: pigeon}\n",
    `${NAME}:3:13: There is no kind of channel "pigeon"`,
  ],
  [
    "agent: {name: a}\nchannels:\n  webhook:\n    secrt: 1\n",
    `${NAME}:4:12: A channel of kind webhook has no field "secrt"`,
  ],
  ["agent: {name: a}\nprot: 1\nchannels: {}\n", `${NAME}:2:7: `],
  ["agent: {name: a}\nport: high\nchannels: {}\n", `${NAME}:2:7: `],
  [
    `agent: {name: "\${NOBODY}"}\nchannels: {}\n`,
    `${NAME}:1:15: there is no environment variable NOBODY`,
  ],
  ["agent: {name: a\nchannels: {}\n", `${NAME}:`],
  ["channels: {}\n", `${NAME}:1:1: one of agent and server is needed`],
  [
    "agent: {name: a}\nserver: {url: u, key: k, agent: a}\nchannels: {}\n",
    `${NAME}:1:1: one of agent and server`,
  ],
  ["agent: {name: a}\nchannels:\n  'a b': {kind: webhook}\n", `${NAME}:3:`],
])("what is wrong in %j is told with its place", async (text, told) => {
  await expect(read(text)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const error = await read(text).catch((reason: Error) => reason);
  expect((error as Error).message).toContain(told);
});

test("everything that is wrong is told at once, and no secret with it", async () => {
  const text = `agent: {name: 1, api_key: "\${KEY}"}\nport: -1\nchannels: {webhook: {secret: [1]}}\n`;
  const error = (await read(text, { KEY: "sk-secret" }).catch((reason: Error) => reason)) as Error;
  expect(error.message.split("\n").length).toBeGreaterThanOrEqual(2);
  expect(error.message).not.toContain("sk-secret");
});
