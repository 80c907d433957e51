// Calls of Meta's Graph API with the account's token.

import type { ChannelEnvironment, PlatformAnswer, PlatformRequest } from "../adapter.ts";
import { appSecrets, GRAPH_URL, GRAPH_VERSION, type WhatsAppSettings } from "./settings.ts";

/** An account's Graph API. */
export interface Graph {
  readonly environment: ChannelEnvironment;
  readonly settings: WhatsAppSettings;
  /** Never said to anybody. */
  readonly secrets: readonly string[];
  /** Of the version, without a slash at its end. */
  readonly url: string;
}

/** The Graph API of an account. */
export function graphOf(settings: WhatsAppSettings, environment: ChannelEnvironment): Graph {
  const base = (settings.api_url ?? GRAPH_URL).replace(/\/+$/, "");
  const secrets = [settings.access_token, settings.verify_token, ...appSecrets(settings)];
  return {
    environment,
    settings,
    secrets,
    url: `${base}/${settings.api_version ?? GRAPH_VERSION}`,
  };
}

/** One call below the version, with the token. */
export function callGraph(
  graph: Graph,
  path: string,
  request: Omit<PlatformRequest, "url">,
): Promise<PlatformAnswer> {
  return graph.environment.call({
    ...request,
    url: `${graph.url}/${path}`,
    headers: {
      authorization: `Bearer ${graph.settings.access_token}`,
      "user-agent": "troupe",
      ...request.headers,
    },
  });
}

/** A call that sends JSON. */
export function postJson(
  graph: Graph,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<PlatformAnswer> {
  return callGraph(graph, path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}
