// Shows an answer's Markdown as elements: headings, lists, code, bold, links that leave nothing to
// inject. It builds nodes and never markup, so no text of a model can become a script.

const LINK = /^https?:\/\//;
const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*|\[[^\]\n]+\]\([^)\s]+\))/;

/** Replaces the content of `into` by `text` as Markdown. */
export function showMarkdown(into, text) {
  into.replaceChildren(...blocks(text).map(blockElement));
}

function blocks(text) {
  const found = [];
  let current = null;
  const begin = (type) => {
    current = { type, lines: [] };
    found.push(current);
  };
  const push = (type, line) => {
    if (current?.type !== type || type === "heading") begin(type);
    current.lines.push(line);
  };
  let isCode = false;
  for (const line of text.split("\n")) {
    if (/^\s*```/.test(line)) {
      isCode = !isCode;
      current = null;
      if (isCode) begin("code");
    } else if (isCode) current.lines.push(line);
    else if (line.trim() === "") current = null;
    else if (/^#{1,6} /.test(line)) push("heading", line.replace(/^#+ /, ""));
    else if (/^\s*[-*] /.test(line)) push("bullets", line.replace(/^\s*[-*] /, ""));
    else if (/^\s*\d+[.)] /.test(line)) push("numbers", line.replace(/^\s*\d+[.)] /, ""));
    else push("text", line);
  }
  return found;
}

function blockElement({ type, lines }) {
  if (type === "code") return element("pre", [element("code", [lines.join("\n")])]);
  if (type === "heading") return element("h3", inline(lines[0]));
  if (type === "bullets" || type === "numbers") {
    const items = lines.map((line) => element("li", inline(line)));
    return element(type === "bullets" ? "ul" : "ol", items);
  }
  return element("p", inline(lines.join("\n")));
}

function inline(text) {
  return text.split(INLINE).flatMap((part) => {
    if (part === "") return [];
    if (part.startsWith("`") && part.length > 2) return [element("code", [part.slice(1, -1)])];
    if (part.startsWith("**") && part.length > 4) return [element("b", [part.slice(2, -2)])];
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    if (link === null) return [part];
    if (!LINK.test(link[2])) return [link[1]];
    const anchor = element("a", [link[1]]);
    anchor.href = link[2];
    anchor.rel = "noopener noreferrer";
    anchor.target = "_blank";
    return [anchor];
  });
}

/** An element with children (nodes or texts). */
export function element(name, children = [], className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
