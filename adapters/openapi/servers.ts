// Where an operation is asked: what the configuration says, else the document. A document from elsewhere sends nobody to
// another host than its own: its words may change, and what is secret would go there.

import type { ReadApi } from "../../actors/openapi/api.ts";
import { Fault, type Fields, isFields, own } from "./document.ts";

/** Without a slash at its end. @throws Fault. */
export function serverOf(
  root: Fields,
  { item, operation }: { readonly item: Fields; readonly operation: Fields },
  { server, url }: Pick<ReadApi, "server" | "url">,
): string {
  if (server !== undefined) return addressOf(server, undefined, "/server", true);
  const [from = {}] = [operation, item, root].filter((one) => Array.isArray(own(one, "servers")));
  const [first] = (own(from, "servers") ?? []) as readonly unknown[];
  const written = isFields(first) ? filled(first) : "/";
  const address = addressOf(written, url, "/servers", false);
  if (url === undefined || new URL(url).origin === new URL(address).origin) return address;
  const text = `The document of ${new URL(url).host} sends to ${new URL(address).host}: say so with server.`;
  throw new Fault(text, "/servers");
}

function filled({ url, variables }: Fields): string {
  return String(url).replaceAll(/\{([^{}]{1,64})\}/g, (place, name: string) => {
    const variable = isFields(variables) ? own(variables, name) : undefined;
    const value = isFields(variable) ? variable["default"] : undefined;
    return typeof value === "string" ? value : place;
  });
}

function addressOf(
  text: string,
  base: string | undefined,
  place: string,
  isConfig: boolean,
): string {
  const parsed = URL.canParse(text, base) ? new URL(text, base) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || text.includes("{")) {
    const said = `"${text.slice(0, 100)}" is no address of http or https: say where it is with server.`;
    throw new Fault(said, place, isConfig);
  }
  if (
    parsed.username !== "" ||
    parsed.password !== "" ||
    parsed.search !== "" ||
    parsed.hash !== ""
  ) {
    throw new Fault("A server's address has no credentials, query or fragment.", place, isConfig);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}
