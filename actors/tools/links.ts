// Which other records tools name, by the place where they do. They cannot be removed meanwhile.

import { isRecordId, type ToolTypeName, type ToolUse } from "../records/tool.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a configuration names: pointer within it, and id. */
export function configLinks(type: ToolTypeName, config: Fields): Readonly<Record<string, string>> {
  const { agent, to, collections, channel, engine, target } = config;
  if (type === "delegate" && typeof agent === "string") return { "/agent": agent };
  if (type === "engine" || type === "shell") {
    const named = Object.entries({ "/engine": engine, "/target": target });
    return Object.fromEntries(
      named.filter((one): one is [string, string] => typeof one[1] === "string"),
    );
  }
  if (type === "handoff" && typeof to === "string") return { "/to": to };
  if ((type === "channel_message" || type === "email") && typeof channel === "string") {
    return { "/channel": channel };
  }
  if (type !== "knowledge_search" || !Array.isArray(collections)) return {};
  return Object.fromEntries(collections.map((id, at) => [`/collections/${at}`, String(id)]));
}

/** What the tools of an agent or a sub-agent name. */
export function useLinks(
  uses: readonly ToolUse[],
  pointer: string,
): Readonly<Record<string, string>> {
  const links: Record<string, string> = {};
  for (const [at, { tool, config = {} }] of uses.entries()) {
    const place = `${pointer}/${at}`;
    if (isRecordId(tool)) links[`${place}/tool`] = tool;
    else {
      const named = Object.entries(configLinks(tool as ToolTypeName, config));
      for (const [inner, id] of named) links[`${place}/config${inner}`] = id;
    }
  }
  return links;
}
