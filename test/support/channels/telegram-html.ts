// How Telegram reads HTML (core.telegram.org/bots/api#html-style): few tags, properly nested, four entities.

const TAGS = ["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre"];
const MORE_TAGS = ["blockquote", "tg-spoiler", "span"];
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };

/** What is shown of a text, or the words in which it is refused. */
export function readHtml(html: string): { readonly shown: string } | { readonly wrong: string } {
  const open: string[] = [];
  let shown = "";
  const pieces = html.matchAll(/<([^<>]*)>|&(#?\w+);|[\s\S]/g);
  for (const [whole, tag, entity] of pieces) {
    const offset = `at byte offset ${Buffer.byteLength(shown)}`;
    if (entity !== undefined) shown += ENTITIES[entity] ?? whole;
    else if (tag === undefined) {
      if (whole === "<") return { wrong: `can't parse entities: Unclosed start tag ${offset}` };
      shown += whole;
    } else if (tag.startsWith("/")) {
      const expected = open.pop();
      if (expected !== tag.slice(1)) {
        return {
          wrong: `can't parse entities: Unmatched end tag ${offset}, expected "</${expected}>", found "<${tag}>"`,
        };
      }
    } else {
      const name = /^[\w-]+/.exec(tag)?.[0] ?? "";
      if (!TAGS.includes(name) && !MORE_TAGS.includes(name)) {
        return { wrong: `can't parse entities: Unsupported start tag "${name}" ${offset}` };
      }
      open.push(name);
    }
  }
  const left = open.pop();
  if (left === undefined) return { shown };
  return { wrong: `can't parse entities: Can't find end tag corresponding to start tag "${left}"` };
}
