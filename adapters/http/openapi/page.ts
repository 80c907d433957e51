// The page for people at /docs, written from the same document: one HTML text with its style and
// without any script, so that it needs nothing from elsewhere and its policy can forbid all else.

import { createHash } from "node:crypto";
import { escaped } from "../../markup.ts";
import type { Json } from "./components.ts";
import type { OpenApiDocument, Operation } from "./document.ts";

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--get:#1a7f37;--post:#0969da;--put:#9a6700;--patch:#9a6700;--delete:#cf222e}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;display:flex;align-items:flex-start}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;min-width:14rem;border-right:1px solid var(--line)}
nav a{display:block;color:inherit;text-decoration:none;padding:.1rem 0}nav a:hover{text-decoration:underline}
main{padding:1rem 2rem;max-width:60rem;min-width:0;flex:1}
h2{margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line)}h4{margin:1rem 0 .25rem}
details.op{border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
details.op>summary{cursor:pointer;padding:.5rem .75rem;display:flex;gap:.75rem;flex-wrap:wrap}
details.op>div{padding:.25rem .75rem .75rem;border-top:1px solid var(--line)}
.m{font-weight:700;width:4.2rem}.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}.delete{color:var(--delete)}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.6rem;overflow:auto;border-radius:4px;margin:.25rem 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.25rem .5rem .25rem 0}
.what{opacity:.8}@media(max-width:50rem){nav{display:none}main{padding:1rem}}
`;

/** What the page may load: its own style, which is named by its digest, and nothing else. */
export const docsPolicy =
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page, piece by piece. Every text of the document is escaped. */
export function* docsPage(document: OpenApiDocument): Generator<string, void, void> {
  const { info, tags, components } = document;
  const links = tags.map(({ name }) => {
    const tag = String(name);
    return `<a href="#tag-${attribute(tag)}">${escaped(tag)}</a>`;
  });
  const title = `${String(info["title"])} ${String(info["version"])}`;
  yield `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}: API</title>` +
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>` +
    `<nav><strong>${escaped(title)}</strong>${links.join("")}<a href="#schemas">Schemas</a></nav><main>` +
    `<h1>${escaped(title)}</h1><p>${escaped(String(info["summary"]))} A key goes with every request, as ` +
    `<code>X-API-Key: KEY</code> or <code>Authorization: Bearer KEY</code>. The same as ` +
    `<a href="/openapi.json">OpenAPI 3.1</a>.</p>`;
  yield* groupsHtml(document);
  yield `<section id="schemas"><h2>Schemas</h2>`;
  for (const [name, schema] of Object.entries(components.schemas)) {
    yield `<details class="op" id="schema-${attribute(name)}"><summary><code>${escaped(name)}</code></summary>` +
      `<div>${schemaHtml(schema as Json)}</div></details>`;
  }
  yield `</section></main></body></html>`;
}

function* groupsHtml({ paths, tags }: OpenApiDocument): Generator<string, void, void> {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  for (const { name } of tags) {
    const tag = String(name);
    yield `<section id="tag-${attribute(tag)}"><h2>${escaped(tag)}</h2>`;
    for (const one of operations) {
      if (one.operation.tags.includes(tag)) yield operationHtml(one);
    }
    yield `</section>`;
  }
}

interface Placed {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function operationHtml(placed: Placed): string {
  const { path, method, operation } = placed;
  const { operationId, parameters, responses, summary, description } = operation;
  const body = (operation["requestBody"] as { readonly content?: Json } | undefined)?.content;
  return (
    `<details class="op" id="${attribute(operationId)}"><summary><span class="m ${method}">` +
    `${method.toUpperCase()}</span><code>${escaped(path)}</code>` +
    `<span class="what">${escaped(String(summary))}</span></summary><div>` +
    (description === undefined ? "" : `<p>${escaped(String(description))}</p>`) +
    `<pre>${escaped(curlOf(placed))}</pre>` +
    (parameters.length === 0 ? "" : `<h4>Parameters</h4>${parametersHtml(parameters)}`) +
    (body === undefined ? "" : `<h4>Body</h4>${contentHtml(body)}`) +
    `<h4>Responses</h4>${responsesHtml(responses)}</div></details>`
  );
}

function parametersHtml(parameters: readonly Json[]): string {
  const rows = parameters.map(
    ({ name, in: place, description, schema }) =>
      `<tr><td><code>${escaped(String(name))}</code></td><td>${escaped(String(place))}</td>` +
      `<td>${escaped(typeOf(schema as Json))}</td><td>${escaped(String(description))}</td></tr>`,
  );
  return `<table>${rows.join("")}</table>`;
}

function responsesHtml(responses: Operation["responses"]): string {
  const errors: string[] = [];
  const rows = Object.entries(responses).flatMap(([status, response]) => {
    if (typeof response["$ref"] === "string") {
      errors.push(status);
      return [];
    }
    const { content, description } = response;
    const body = content === undefined ? "" : contentHtml(content as Json);
    return [`<tr><td>${status}</td><td>${escaped(String(description))}${body}</td></tr>`];
  });
  const wrong = `<tr><td>${errors.join(", ")}</td><td>An error, in the style of this surface.</td></tr>`;
  return `<table>${rows.join("")}${wrong}</table>`;
}

function contentHtml(content: Json): string {
  return Object.entries(content)
    .map(([type, of]) => {
      const { schema } = of as { readonly schema: Json };
      return `<div><code>${escaped(type)}</code> ${schemaHtml(schema)}</div>`;
    })
    .join("");
}

/** A schema as JSON; references are links to where they are written. */
function schemaHtml(schema: Json): string {
  const name = refName(schema);
  if (name !== undefined) return link(name);
  const text = escaped(JSON.stringify(schema, null, 1));
  const linked = text.replaceAll(/&quot;#\/components\/schemas\/(\w+)&quot;/g, (_all, to: string) =>
    link(to),
  );
  return `<pre>${linked}</pre>`;
}

const link = (name: string): string =>
  `<a href="#schema-${attribute(name)}"><code>${escaped(name)}</code></a>`;

function refName({ $ref }: Json): string | undefined {
  return typeof $ref === "string" ? $ref.split("/").at(-1) : undefined;
}

function typeOf(schema: Json): string {
  const { type, minimum, maximum, enum: values } = schema;
  if (Array.isArray(values)) return values.join(" | ");
  const range = minimum === undefined ? "" : ` ${String(minimum)} to ${String(maximum)}`;
  return `${String(type)}${range}`;
}

/** How to call it from a shell. */
function curlOf({ path, method, operation }: Placed): string {
  const isOpen = Array.isArray(operation["security"]) && operation["security"].length === 0;
  const address = `"$TROUPE_URL${path.replaceAll("{", "<").replaceAll("}", ">")}"`;
  const parts = [
    `curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${address}`,
    ...(isOpen ? [] : [`-H "X-API-Key: $TROUPE_KEY"`]),
    ...bodyParts(operation),
  ];
  return parts.join(" \\\n  ");
}

function bodyParts({ requestBody }: Operation): readonly string[] {
  const { content = {} } = (requestBody ?? {}) as { readonly content?: Json };
  const [type] = Object.keys(content);
  if (type === undefined) return [];
  if (type === "multipart/form-data") return ["-F file=@document.pdf"];
  return [`-H "Content-Type: ${type}"`, "-d '{...}'"];
}

/** A name as an id of the page. */
function attribute(name: string): string {
  return name.replaceAll(/[^\w-]/g, "-");
}
