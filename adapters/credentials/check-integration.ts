// What the fields of an integration have to be together, wherever they come from: the API, the configuration.

import type { IntegrationInput } from "../../actors/records/integration.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { hostRule } from "../egress-address.ts";
import { isInsecure } from "./authorization-server.ts";

const HOSTS = "Hosts such as api.example.com, api.example.com:8443 or *.example.com.";
const HEADER = /^[A-Za-z0-9-]{1,64}$/;
const SCOPE = /^[!#-[\]-~]{1,200}$/;

/** Fields that are addresses of an authorization server. */
export const endpoints = [
  "issuer",
  "authorization_endpoint",
  "token_endpoint",
  "revocation_endpoint",
] as const;

/** A browser is sent to `return_url` with what an account is kept by: only where the application asks for that. */
function checkConfirmation(input: IntegrationInput, insecureHosts: readonly string[]): void {
  const { type, confirmation = "page", return_url: url } = input;
  const invalid = (text: string, field: string): RuntimeError =>
    new RuntimeError("INVALID", text, { pointer: `/${field}` });
  if (input.confirmation !== undefined && type !== "oauth2") {
    throw invalid(`Nobody consents to an integration of type ${type}.`, "confirmation");
  }
  const isWanted = confirmation === "application";
  if (isWanted && url === undefined) throw invalid("It is missing.", "return_url");
  if (url === undefined) return;
  if (!isWanted) throw invalid('It is for confirmation "application" alone.', "return_url");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isSafe = parsed?.protocol === "https:" || isInsecure(url, insecureHosts);
  if (parsed === null || !isSafe) throw invalid("It is no address of https.", "return_url");
  if (parsed.username !== "" || parsed.password !== "" || parsed.hash !== "") {
    throw invalid("An address here has no user, password or fragment.", "return_url");
  }
}

/** Hosts that tokens are meant for. @throws INVALID with the one that is none. */
export function checkHosts(hosts: readonly string[]): void {
  const at = hosts.findIndex((one) => hostRule(one) === null);
  if (at === -1) return;
  throw new RuntimeError("INVALID", HOSTS, { pointer: `/allowed_hosts/${at}` });
}

/** Whether its fields go together. @throws INVALID with the field. */
export function checkIntegration(input: IntegrationInput, insecureHosts: readonly string[]): void {
  const invalid = (text: string, field: string): RuntimeError =>
    new RuntimeError("INVALID", text, { pointer: `/${field}` });
  if (input.allowed_hosts.length === 0) throw invalid(HOSTS, "allowed_hosts");
  checkHosts(input.allowed_hosts);
  if (!HEADER.test(input.header ?? "authorization")) throw invalid("It is no header.", "header");
  if (!(input.scopes ?? []).every((one) => SCOPE.test(one))) {
    throw invalid("Scopes have no spaces, quotes or backslashes.", "scopes");
  }
  for (const field of endpoints) {
    const url = input[field];
    if (url === undefined) continue;
    const parsed = URL.canParse(url) ? new URL(url) : null;
    const isSafe = parsed?.protocol === "https:" || isInsecure(url, insecureHosts);
    if (parsed === null || !isSafe) throw invalid("It is no address of https.", field);
    if (parsed.username !== "" || parsed.password !== "" || parsed.hash !== "") {
      throw invalid("An address here has no user, password or fragment.", field);
    }
  }
  const { webhook_url: told } = input;
  if (told !== undefined && !(URL.canParse(told) && /^https?:$/.test(new URL(told).protocol))) {
    throw invalid("It is no address of http or https.", "webhook_url");
  }
  checkConfirmation(input, insecureHosts);
  if (input.type === "api_key") {
    const field = [...endpoints, "client_id", "client_secret"].find((one) => one in input);
    if (field !== undefined) throw invalid("An integration of type api_key has none.", field);
    return;
  }
  if (input.client_id === undefined) throw invalid("It is missing.", "client_id");
  if (input.issuer === undefined && input.token_endpoint === undefined) {
    throw invalid("An issuer or the endpoints are needed.", "token_endpoint");
  }
  const isCode = input.type === "oauth2";
  if (isCode && input.issuer === undefined && input.authorization_endpoint === undefined) {
    throw invalid("An issuer or the endpoints are needed.", "authorization_endpoint");
  }
  const own = ["client_id", "redirect_uri", "response_type", "state", "scope", "nonce"];
  const taken = Object.keys(input.authorization_params ?? {}).find(
    (one) => own.includes(one) || one.startsWith("code_challenge"),
  );
  if (taken !== undefined)
    throw invalid("It is set by the server.", `authorization_params/${taken}`);
}
