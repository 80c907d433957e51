// Skills as tests send them.

/** Text of a SKILL.md. */
export function skillText(name: string, body = "Do it well.", description = "Does it."): string {
  return `---\nname: ${name}\ndescription: ${description}\n---\n${body}\n`;
}

/** A skill as JSON. */
export function skillBody(
  name: string,
  more: Readonly<Record<string, string>> = {},
  body?: string,
): { readonly files: readonly { readonly path: string; readonly text: string }[] } {
  const files = { "SKILL.md": skillText(name, body), ...more };
  return { files: Object.entries(files).map(([path, text]) => ({ path, text })) };
}
