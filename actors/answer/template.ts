// `response_template`: fixed text around the answer. A template with {{response}} frames the answer
// (what stands before it can be shown before the model's first token); one without it describes a
// form and goes to the model as an instruction.

const FIELD = /\{\{\s*([a-z_]{1,40})\s*\}\}/g;
const RESPONSE = /\{\{\s*response\s*\}\}/;

/** Fields a template may name beside `response`. */
export interface TemplateFields {
  readonly agent_name: string;
  readonly action_name: string;
  readonly language: string;
}

/** What stands before and after the answer. */
export interface Frame {
  readonly before: string;
  readonly after: string;
}

/** The frame of a template, or null when it has no {{response}}. Unknown fields stay as they are. */
export function frameOf(template: string, fields: TemplateFields): Frame | null {
  const match = RESPONSE.exec(template);
  if (match === null) return null;
  return {
    before: fill(template.slice(0, match.index), fields),
    after: fill(template.slice(match.index + match[0].length), fields),
  };
}

function fill(text: string, fields: TemplateFields): string {
  const values = new Map(Object.entries(fields));
  return text.replace(FIELD, (whole, name: string) => values.get(name) ?? whole);
}
