// The child run that answers for one sub-agent (or, inside a graph, for the supervisor itself):
// retrieval, prompt, model. Its parent routed; this run only answers.

import { defineRun, type RunContext } from "../runtime/actor.ts";
import { answer } from "./answer/answer.ts";
import { loadAgent } from "./compiled.ts";
import { keptWithin } from "./constraints/limited.ts";
import { guarded } from "./guard/guarded.ts";
import type { Ports } from "./ports.ts";
import { metered, payerOf } from "./spend.ts";
import type { Answer, AnswerInput } from "./turn-input.ts";

/** Kind `sub-agent`. Fails with what answer() throws. */
export const subAgentRun = defineRun<AnswerInput, Answer, Ports>({
  kind: "sub-agent",
  run(input: AnswerInput, context: RunContext<Ports>): Promise<Answer> {
    return keptWithin(context, input, (within, asked) =>
      metered(within, payerOf(asked), (meter) =>
        guarded(within, asked, meter, async (under, given) => {
          const compiled = await loadAgent(under, given);
          return answer(under, given, { compiled, round: 1, meter });
        }),
      ),
    );
  },
});
