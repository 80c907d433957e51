// The ports of a run that may reach some hosts alone: whatever it asks elsewhere carries the lists that the
// egress guard holds it to. One place, so that no tool has to think of it.

import type { EngineWorks } from "../engines/works.ts";
import type { McpServers } from "../mcp/port.ts";
import type { Ports } from "../ports.ts";
import type { DomainLists } from "../records/constraints.ts";
import type { Web } from "../web.ts";

/** The same ports, within the lists. */
export function within(ports: Ports, domains: DomainLists): Ports {
  const web: Web = {
    request: (request) => ports.web.request({ ...request, domains }),
    secrets: (of) => ports.web.secrets(of),
  };
  const mcp: McpServers = {
    list: (of, signal) => ports.mcp.list({ ...of, domains }, signal),
    call: (of, signal) => ports.mcp.call({ ...of, domains }, signal),
  };
  const { works: all } = ports;
  const works = all && {
    ...{ terms: all.terms, next: all.next, say: all.say, stop: all.stop },
    begin: (...[task, signal]: Parameters<EngineWorks["begin"]>) =>
      all.begin({ ...task, domains }, signal),
  };
  // The others are looked up where they are: some are made when they are first asked for.
  return Object.create(ports, {
    ...{ web: { value: web }, mcp: { value: mcp } },
    ...(works && { works: { value: works } }),
  }) as Ports;
}
