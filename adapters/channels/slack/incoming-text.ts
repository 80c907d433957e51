// Text as people have written it at Slack, without Slack's own marks: `<@U1>`, `<#C1|name>`,
// `<https://...|words>`, `&amp;` (docs.slack.dev/messaging/formatting-message-text).

const MARK = /<([^<>\n]{1,3000})>/g;

/** Whether the bot is named in a text. @param bots its user ids. */
export function namesBot(text: string, bots: ReadonlySet<string>): boolean {
  for (const [, mark = ""] of text.matchAll(MARK)) {
    const [at = ""] = mark.split("|", 1);
    if (at.startsWith("@") && bots.has(at.slice(1))) return true;
  }
  return false;
}

/** The text as it reads; naming the bot first is addressing it, and no part of what is said. */
export function readableText(text: string, bots: ReadonlySet<string>): string {
  return unescaped(withoutAddress(text, bots).replaceAll(MARK, (_, mark: string) => spoken(mark)));
}

function withoutAddress(text: string, bots: ReadonlySet<string>): string {
  let rest = text.trimStart();
  for (;;) {
    const [whole, user = ""] = /^<@([A-Z0-9]+)(?:\|[^<>]*)?>[\s,:]*/.exec(rest) ?? [];
    if (whole === undefined || !bots.has(user)) return rest;
    rest = rest.slice(whole.length);
  }
}

function spoken(mark: string): string {
  const bar = mark.indexOf("|");
  const target = bar < 0 ? mark : mark.slice(0, bar);
  const label = bar < 0 ? "" : mark.slice(bar + 1);
  if (target.startsWith("@")) return `@${label || target.slice(1)}`;
  if (target.startsWith("#")) return `#${label || target.slice(1)}`;
  // <!here>, <!subteam^S1|@team>, <!date^1392734382^...|words>.
  if (target.startsWith("!")) return label || `@${target.slice(1)}`;
  const address = target.replace(/^mailto:/, "");
  return label === "" || label === address ? address : `[${label}](${target})`;
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
