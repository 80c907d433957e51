// What the nodes of a stored graph name, by the place where they do: lists and removals look at the
// graphs of all agents, and need none of what runs them.

type Fields = Readonly<Record<string, unknown>>;

/** Types of nodes whose `ref` is a record. */
const naming: readonly unknown[] = ["sub_agent", "agent", "sub_workflow", "tool", "map"];
const RECORD = /^(sa|ag|tm|wf|tl)_/;

/** Pointer and id. @param definition was checked when it was saved. */
export function graphLinks(definition: unknown, pointer: string): Readonly<Record<string, string>> {
  const { nodes } = (definition ?? {}) as Fields;
  if (!Array.isArray(nodes)) return {};
  const links: Record<string, string> = {};
  for (const [at, node] of nodes.entries()) {
    const { type, ref, body } = (node ?? {}) as Fields;
    const place = `${pointer}/nodes/${at}`;
    if (naming.includes(type) && typeof ref === "string" && RECORD.test(ref)) {
      links[`${place}/ref`] = ref;
    }
    Object.assign(links, graphLinks(body, `${place}/body`));
  }
  return links;
}
