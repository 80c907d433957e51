// The widget's frame: a button, and a panel with a list and a field to write in. In a shadow root, so that
// neither the page's style nor ours reaches the other.

import { element } from "../../../console/markdown.js";

/** Builds it into the page. `on`: open, send(text). */
export function createPanel(labels, on) {
  const host = element("div");
  host.dataset.troupeChat = "";
  const root = host.attachShadow({ mode: "open" });
  // A sheet and no style element: pages whose policy forbids inline style show it too.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const badge = element("span", [], "badge");
  const launcher = element("button", [badge], "launcher");
  const title = element("h2", [labels.title]);
  const close = element("button", ["×"], "close");
  const log = element("div", [], "log");
  const status = element("p", [], "status");
  const label = element("label", [labels.text], "hidden");
  const input = element("textarea");
  const submit = element("button", [labels.send], "main");
  const form = element("form", [label, input, submit]);
  const panel = element("section", [element("header", [title, close]), log, status, form], "panel");
  label.htmlFor = "text";
  assign(input, { id: "text", rows: "2", maxlength: "12000" });
  assign(close, { "aria-label": labels.close });
  assign(log, { role: "log", "aria-live": "polite", "aria-label": labels.log, tabindex: "0" });
  assign(status, { role: "status" });
  assign(panel, { id: "panel", role: "dialog", "aria-label": labels.title });
  assign(launcher, { "aria-expanded": "false", "aria-controls": "panel" });
  panel.hidden = true;
  root.append(panel, launcher);
  document.body.append(host);

  const toggle = (isOpen) => {
    panel.hidden = !isOpen;
    assign(launcher, { "aria-expanded": String(isOpen) });
    if (isOpen) on.open();
    (isOpen ? input : launcher).focus();
    log.scrollTop = log.scrollHeight;
  };
  launcher.onclick = () => toggle(panel.hidden);
  close.onclick = () => toggle(false);
  panel.onkeydown = ({ key }) => {
    if (key === "Escape") toggle(false);
  };
  write(form, input, on.send);
  return {
    host,
    panel,
    form,
    launcher,
    title,
    log,
    status,
    badge,
    fields: [input, submit],
    toggle,
  };
}

/** Enter sends, with Shift it begins a line. */
function write(form, input, send) {
  input.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    input.value = "";
    send(text);
  };
}

/** Sets attributes. */
export function assign(made, values) {
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
}
