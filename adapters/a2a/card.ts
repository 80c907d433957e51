// Agent cards: what a client reads before it speaks to an agent. A card is shown to keys of the agent's
// own tenant and to nobody else.

import type { AgentCard, AgentSkill } from "@a2a-js/sdk";
import type { HttpRequest } from "../http/server.ts";
import type { Ability, Target } from "./target.ts";

/** Kinds of content that are taken and given. */
export const inputModes: readonly string[] = ["text/plain", "application/json"];
export const outputModes: readonly string[] = ["text/plain", "application/json"];

/** Tags and examples of a skill that are shown. */
const LISTED_MAX = 20;

/** Path under which everything of one agent lies. */
export const agentPath = (id: string): string => `/a2a/${id}`;

/**
 * The card.
 * @param base of this server, as the client knows it: "https://agents.example.com".
 */
export function cardOf(target: Target, base: string): AgentCard {
  const url = `${base}${agentPath(target.id)}`;
  const at = (protocolBinding: string, protocolVersion: string) => {
    return { url, protocolBinding, protocolVersion, tenant: "" };
  };
  return {
    name: target.name,
    description: target.description === "" ? target.name : target.description,
    supportedInterfaces: [at("JSONRPC", "1.0"), at("HTTP+JSON", "1.0"), at("JSONRPC", "0.3")],
    provider: undefined,
    version: String(target.version),
    capabilities: {
      ...{ streaming: true, pushNotifications: true, extendedAgentCard: true },
      extensions: [],
    },
    securitySchemes: {
      bearer: {
        scheme: {
          $case: "httpAuthSecurityScheme",
          value: { description: "An API key.", scheme: "Bearer", bearerFormat: "" },
        },
      },
      apiKey: {
        scheme: {
          $case: "apiKeySecurityScheme",
          value: { description: "An API key.", location: "header", name: "X-API-Key" },
        },
      },
    },
    securityRequirements: ["bearer", "apiKey"].map((name) => ({
      schemes: { [name]: { list: [] } },
    })),
    defaultInputModes: [...inputModes],
    defaultOutputModes: [...outputModes],
    skills: [skillOf(ownSkill(target)), ...target.abilities.map(skillOf)],
    signatures: [],
  };
}

/** As the client has addressed it; a proxy before it says which protocol it was asked by. */
export function baseOf(request: Pick<HttpRequest, "header">): string {
  const scheme = request.header("x-forwarded-proto")?.trim().toLowerCase();
  const host = request.header("host") ?? "localhost";
  return `${scheme === "https" ? "https" : "http"}://${host}`;
}

function ownSkill({ id, kind, name, description }: Target): Ability {
  const said = description === "" ? `Answers as the ${kind} ${name}.` : description;
  return { id, name, description: said, tags: [kind], examples: [] };
}

function skillOf({ id, name, description, tags, examples }: Ability): AgentSkill {
  return {
    ...{ id, name, description, inputModes: [], outputModes: [], securityRequirements: [] },
    tags: tags.slice(0, LISTED_MAX),
    examples: examples.slice(0, LISTED_MAX),
  };
}
