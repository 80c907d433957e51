// What people write in Slack, as Markdown: names and links for Slack's codes, Markdown's marks for its own.

/** Code, which is left as it is, or a code in <>. */
const PIECES = /```[\s\S]*?```|`[^`\n]+`|<([^<>\n]{1,4000})>/g;
/** `*bold*` and `~gone~`, with nothing of a word at their sides. `_this_` is the same. */
const BOLD = /(?<![\p{L}\p{N}*])\*(?=[^\s*])([^*\n]*?[^\s*])\*(?![\p{L}\p{N}*])/gu;
const GONE = /(?<![\p{L}\p{N}~])~(?=[^\s~])([^~\n]*?[^\s~])~(?![\p{L}\p{N}~])/gu;
const BULLET = /^(\s*)[•◦▪]\s*/gm;

/**
 * Markdown of mrkdwn.
 * @param nameOf a person's or a room's name by its id, where Slack did not send it along; default the id.
 */
export function fromSlack(mrkdwn: string, nameOf: (id: string) => string = (id) => id): string {
  let out = "";
  let at = 0;
  for (const found of mrkdwn.matchAll(PIECES)) {
    const [piece, code] = found;
    out += withMarks(mrkdwn.slice(at, found.index));
    out += code === undefined ? decoded(piece) : codeText(decoded(code), nameOf);
    at = found.index + piece.length;
  }
  return out + withMarks(mrkdwn.slice(at));
}

function withMarks(text: string): string {
  const marked = text.replace(BOLD, "**$1**").replace(GONE, "~~$1~~").replace(BULLET, "$1- ");
  return decoded(marked);
}

/** `@U1|name`, `#C1|room`, `!here`, `!subteam^S1|@group`, `!date^1|fallback`, `https://a.b|words`. */
function codeText(code: string, nameOf: (id: string) => string): string {
  const bar = code.indexOf("|");
  const target = bar === -1 ? code : code.slice(0, bar);
  const label = bar === -1 ? "" : code.slice(bar + 1);
  const id = target.slice(1);
  if (target.startsWith("@")) return `@${label === "" ? nameOf(id) : label}`;
  if (target.startsWith("#")) return `#${label === "" ? nameOf(id) : label}`;
  if (target.startsWith("!")) return label === "" ? `@${id.split("^", 1)[0] ?? ""}` : label;
  const address = target.replaceAll(/[\s<>]/g, encodeURIComponent);
  const words = label.replaceAll(/[\\[\]]/g, "\\$&");
  if (words === "" || label === address || address === `mailto:${label}`) return label || address;
  return `[${words}](<${address}>)`;
}

function decoded(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
