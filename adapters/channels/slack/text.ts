// Texts for Slack until format/ is there: escaped, cut at lines.

/** Text as Slack takes it. */
export const escapedSlack = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** mrkdwn. */
export const slackText = (markdown: string) => escapedSlack(markdown).replaceAll("**", "*");
/** Without marks. */
export const plainText = (markdown: string) => markdown.replaceAll("**", "");
/** Parts of a text. */
export function split(
  text: string,
  { max }: { max: number; unit: string; render: unknown },
): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += max) parts.push(text.slice(at, at + max));
  return parts;
}
