// What tests of tools say to the product: what its model calls, a run of an agent, what the run's
// viewers are shown.

import type { ProviderCall } from "./fake-provider-call.ts";
import type { Product } from "./product.ts";
import type { Answer, Json } from "./wire-client.ts";

/** Ways to speak to a product. */
export interface ToolTalk {
  say(agent: string, input: string): Promise<Answer>;
  /** In its first call the model asks for these, afterwards it says `text`, default "Done.". */
  calling(
    tools: readonly { name: string; arguments: unknown }[],
    text?: string | ((call: ProviderCall) => string),
  ): void;
  eventsOf(run: string): Promise<readonly Json[]>;
  /** Results of its calls, in order. */
  results(run: string): Promise<readonly Json[]>;
}

/** @param productOf the product, which is there when a test begins. */
export function toolTalk(productOf: () => Product): ToolTalk {
  const eventsOf: ToolTalk["eventsOf"] = async (run) => {
    const stream = await productOf().events("GET", `/v2/runs/${run}/events`);
    const frames = (await stream.rest()).map(({ data }) => JSON.parse(data));
    return frames.flatMap(({ event }: Json) => (event === undefined ? [] : [event]));
  };
  return {
    say: (agent, input) => productOf().call("POST", `/v2/agents/${agent}/runs`, { input }),
    calling: (tools, text = "Done.") => {
      const { provider } = productOf();
      provider.when((call) => !call.prompt.includes("Result of "), { tools });
      provider.otherwise({ text });
    },
    eventsOf,
    results: async (run) =>
      (await eventsOf(run)).flatMap((event) =>
        event.type === "tool_result" ? [event.result] : [],
      ),
  };
}
