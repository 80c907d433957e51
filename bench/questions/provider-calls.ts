// How often is the model called for one turn, and how long is its prompt? Tokens are counted with the
// tokenizer that LangGraph's packages bring, over messages, tools and schemas as they are sent.

import { createRequire } from "node:module";
import { join } from "node:path";
import { type Bench, type Question, row } from "../question.ts";
import { ask } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { projectFolder, startPeer } from "../support/peers.ts";
import { clearMessage, doubtfulMessage, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

interface Turn {
  readonly calls: number;
  readonly tokens: number;
}

/** The question. */
export const providerCalls: Question = {
  name: "provider-calls",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const langgraph = await startPeer("langgraph", bench.provider.port);
    const aiSdk = await startPeer("ai-sdk", bench.provider.port);
    try {
      const target = targetOf(troupe, await makeDesk(troupe));
      const clear = await turn(bench, target, clearMessage);
      const doubt = await turn(bench, target, doubtfulMessage);
      const peer = langgraph && (await turn(bench, langgraph, doubtfulMessage));
      const other = aiSdk && (await turn(bench, aiSdk, doubtfulMessage));
      const note = `LangGraph ${peer?.calls} calls, AI SDK ${other?.calls}`;
      return [
        row("provider calls of a turn whose route is clear", [clear.calls], {
          goal: "1",
          holds: (figure) => figure === 1,
          note,
        }),
        row("provider calls of a turn whose route is in doubt", [doubt.calls], { note }),
        row("prompt tokens of turn 1 in doubt, against LangGraph", [doubt.tokens], {
          peer: [peer?.tokens ?? Number.NaN],
          goal: "<= 1x",
          holds: (_figure, ratio) => ratio <= 1,
          note: `clear route ${clear.tokens}, LangGraph ${peer?.tokens}, AI SDK ${other?.tokens}`,
        }),
      ];
    } finally {
      await troupe.stop();
      await langgraph?.running.stop();
      await aiSdk?.running.stop();
    }
  },
};

async function turn(bench: Bench, target: Target, message: string): Promise<Turn> {
  await bench.provider.pace(noPace, true);
  await ask(target.port, requestBytes(target, target.body("one", message, false)));
  const { calls, bodies } = await bench.provider.counts();
  const tokensOf = await tokenizer();
  const tokens = bodies.reduce((sum, body) => {
    const { messages, tools, response_format: format } = JSON.parse(body);
    return sum + tokensOf(JSON.stringify({ messages, tools, response_format: format }));
  }, 0);
  return { calls, tokens };
}

async function tokenizer(): Promise<(text: string) => number> {
  try {
    const require = createRequire(join(projectFolder, "bench/peers/langgraph/package.json"));
    const { Tiktoken } = require(
      createRequire(require.resolve("@langchain/core")).resolve("js-tiktoken/lite"),
    );
    const ranks = require(
      createRequire(require.resolve("@langchain/core")).resolve("js-tiktoken/ranks/o200k_base"),
    );
    const encoding = new Tiktoken(ranks.default ?? ranks);
    return (text) => encoding.encode(text).length;
  } catch {
    // Without the peer there is nothing to compare with: a quarter of the characters will do.
    return (text) => Math.ceil(text.length / 4);
  }
}
