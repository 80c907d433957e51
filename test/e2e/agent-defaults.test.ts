// DEFAULT_AGENT_TIMEOUT holds for agents of /agents/v1 (and of files) that say no max_runtime, and for no others.

import { expect, onTestFinished, test } from "vitest";
import { startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

test("a run of an agent that says no max_runtime ends at the default, one of another agent does not", async () => {
  const product = await startProduct({
    env: { TROUPE_WORKERS: "1", DEFAULT_AGENT_TIMEOUT: "1" },
  });
  onTestFinished(() => product.end());
  product.provider.otherwise({ text: "Done.", firstByteMs: 1_500 });
  const made = async (path: string, more: object): Promise<string> => {
    const said = { name: path, ...more };
    const { status, body } = await product.call("POST", path, said);
    expect(status, JSON.stringify(body)).toBe(201);
    return body.id;
  };
  const model = "gpt-4o-mini";
  const agents = [
    await made("/agents/v1/agents", { model }),
    await made("/agents/v1/agents", { model, constraints: { max_runtime: 60 } }),
    await made("/v2/agents", { model_name: model }),
  ];
  const answers: readonly Json[] = await Promise.all(
    agents.map((agent) => product.call("POST", `/v2/agents/${agent}/runs`, { input: "Go." })),
  );

  expect(answers.map(({ status }) => status)).toEqual([402, 200, 200]);
  expect(answers[0]?.body.constraint).toMatchObject({ limit: "max_runtime", value: 1 });
});
