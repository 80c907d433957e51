// Whatever a run asks of other machines carries the hosts that it is kept to: each port that reaches one.

import { expect, test } from "vitest";
import { within } from "../../../actors/constraints/limited-ports.ts";
import type { Ports } from "../../../actors/ports.ts";

const domains = [["example.com"], ["*.example.com", "local"]];

test("requests, tool servers and works are told of them, secrets and what goes on are not", async () => {
  const told: unknown[] = [];
  const take = (name: string) => (of: object) => {
    told.push([name, "domains" in of ? of.domains : null]);
    return Promise.resolve(null);
  };
  const ports = within(
    {
      web: { request: take("request"), secrets: take("secrets") },
      mcp: { list: take("list"), call: take("call") },
      works: {
        ...{ begin: take("begin"), next: take("next"), say: take("say") },
        ...{ stop: take("stop"), terms: take("terms") },
      },
    } as unknown as Ports,
    domains,
  );
  const signal = new AbortController().signal;
  await ports.web.request({ url: "https://a.example" } as never);
  await ports.web.secrets({} as never);
  await ports.mcp.list({} as never, signal);
  await ports.mcp.call({} as never, signal);
  await ports.works?.begin({} as never, signal);
  await ports.works?.next({} as never, signal);

  expect(told).toEqual([
    ...[
      ["request", domains],
      ["secrets", null],
    ],
    ...[
      ["list", domains],
      ["call", domains],
    ],
    ...[
      ["begin", domains],
      ["next", null],
    ],
  ]);
});
