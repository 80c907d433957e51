// Engines of type `managed_agent`: an agent elsewhere does a task. It is asked over the guarded way out, with the key of
// its target, by one of three protocols: that of OpenAI's chat completions, A2A, or that of another server like this.

import type { ManagedOptions } from "./agent-request.ts";
import type { Driver } from "./driver.ts";

/** The driver of one engine: the protocol's own, loaded when it is used. */
export function managedAgentDriver(options: ManagedOptions): Driver {
  return async (task, hooks) => {
    switch (options.protocol) {
      case "openai":
        return await (await import("./openai-agent.ts")).askOpenAi(options, task, hooks);
      case "a2a":
        return await (await import("./a2a-agent.ts")).askA2a(options, task, hooks);
      case "troupe":
        return await (await import("./troupe-agent.ts")).askTroupe(options, task, hooks);
    }
  };
}
