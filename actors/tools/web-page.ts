// The tool web_page: a page of the web as its text, through the egress guard. The page is read in the compute
// pool: it is somebody else's.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { Type } from "../schema.ts";
import { textIn } from "./file-arguments.ts";
import { pooled } from "./pooled.ts";
import { argumentsSchema, type ToolPlace, type ToolType } from "./tool-type.ts";

/** Name of the compute pool's task. */
const pageTextTaskName = "web.page-text";

const PAGE_MS = 20_000;
const PAGE_MIB = 256;
const HTML = /^(text\/html|application\/xhtml\+xml)\b/i;

/** What the task gives. */
interface PageText {
  readonly title: string;
  readonly text: string;
}

/** Type `web_page`. */
export const webPageTool: ToolType = {
  type: "web_page",
  config: Type.Object(
    {
      /** "example.com", "*.example.com". Default: every public one. */
      allowed_hosts: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
          ...{ minItems: 1, maxItems: limits.webHosts },
        }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: ["network"],
  granted: ["network", "read"],
  describe: () => "Reads a page of the web and gives its title and its text.",
  parameters: () =>
    argumentsSchema(["url"], {
      url: { type: "string", maxLength: 2_000, description: "http or https" },
    }),
  make: (config, place, { timeoutMs }) => ({
    repeat: "safe",
    perform: async ({ arguments: given, signal }) => {
      const url = textIn(given, "url");
      const { context } = place;
      const answer = await context.ports.web.request({
        ...{ tenant: context.tenant, url, method: "GET", headers: { accept: "text/html, text/*" } },
        allowedHosts:
          (config as { readonly allowed_hosts?: readonly string[] }).allowed_hosts ?? null,
        ...{ signal, timeoutMs, bytesMax: limits.webBytesMax },
      });
      const { status, body, isCut } = answer;
      if (body === null) {
        const type = (answer.headers["content-type"] ?? "").slice(0, 80);
        throw new RuntimeError("INVALID", `The address gives no page of text but "${type}".`);
      }
      const isPage =
        HTML.test(answer.headers["content-type"] ?? "") || /^\s*<(!doctype|html)/i.test(body);
      const page = isPage
        ? await textOf(body, place, { signal, timeoutMs })
        : { title: "", text: body };
      const note = "The page is longer: this is its beginning.";
      return { url, status, ...page, ...(isCut && { note }) };
    },
  }),
};

async function textOf(
  html: string,
  { context: { tenant, ports } }: ToolPlace,
  of: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<PageText> {
  const work = { name: pageTextTaskName, input: html, what: "The page" };
  const options = { ...of, tenant, runMs: PAGE_MS, memoryMib: PAGE_MIB };
  return (await pooled(ports.compute, work, options)) as PageText;
}
