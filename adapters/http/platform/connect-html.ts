// The pages of connecting an account as HTML: plain, without a secret beyond the form's own, a script or a picture.

import type { Looked } from "../services/connect.ts";

/** A page that says something. */
export function saidPage(title: string, text: string): string {
  return pageOf(title, `<p>${escaped(text)}</p>`);
}

/**
 * Who is asked for what by whom, before anything leaves for the other service: a person who was sent somebody else's
 * link can see it. Its form goes to the address of the page.
 */
export function askPage(looked: Looked): string {
  const { integration, user, tenant, asker, proof, withCode } = looked;
  const { scopes = [], allowed_hosts: hosts } = integration;
  const service = integration.title ?? integration.name;
  const whose =
    user === null ? `everybody who works with ${tenant}` : `the user “${user}” of ${tenant}`;
  const rows: readonly (readonly [string, string])[] = [
    ["Service", `${service} (${integration.name})`],
    ["It will act for", whose],
    ["At", tenant],
    ["Asked for by", asker],
    ["What it may do", scopes.length === 0 ? "what the service allows" : scopes.join(", ")],
    ["Used at", hosts.join(", ")],
  ];
  const list = rows.map(([name, said]) => `<dt>${name}</dt><dd>${escaped(said)}</dd>`).join("");
  const code = withCode
    ? `<p><label>Code that was shown beside the link <input name="code" autocomplete="off" required maxlength="20"></label></p>`
    : "";
  const warning = `Go on only if you have just asked for this yourself${user === null ? "" : ` and are “${user}” there`}. If somebody else sent you this link, your account at ${service} would be theirs to use.`;
  return pageOf(
    `Connect your account of ${service}?`,
    `<dl>${list}</dl><p><strong>${escaped(warning)}</strong></p>
<form method="post"><input type="hidden" name="proof" value="${escaped(proof)}">${code}
<button name="decision" value="connect">Go on to ${escaped(service)}</button></form>
<form method="post"><input type="hidden" name="proof" value="${escaped(proof)}">
<button name="decision" value="refuse">I did not ask for this</button></form>`,
  );
}

function pageOf(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title></head>\n<body><h1>${escaped(title)}</h1>${body}</body></html>\n`;
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (one) => names[one] ?? one);
}
