// What the widget shows of a conversation, built of nodes, so that no text becomes markup.

import { element, showMarkdown } from "../../../console/markdown.js";
import { assign, createPanel } from "./panel.js";

const NEAR_END_PX = 80;

/** The view. `on`: open, send(text), press(entry, button, done), file(entry, index). */
export function createView(labels, on) {
  const frame = createPanel(labels, on);
  const { log, status, launcher } = frame;
  const list = createList(labels, on, log);
  let typingTimer = 0;
  let notice = "";
  const say = (typing = "") => {
    status.textContent = notice || typing;
  };
  return {
    ...list,
    form: frame.form,
    isOpen: () => !frame.panel.hidden,
    open: () => frame.toggle(true),
    session({ title, color, greeting }) {
      if (!labels.isTitled) {
        frame.title.textContent = title;
        assign(frame.panel, { "aria-label": title });
      }
      frame.host.style.setProperty("--accent", color);
      if (greeting) list.entry({ id: "", first: 0, text: greeting, buttons: [], files: [] });
    },
    typing(ms) {
      clearTimeout(typingTimer);
      say(ms > 0 ? labels.typing : "");
      if (ms > 0) typingTimer = setTimeout(say, ms);
    },
    notice(text) {
      notice = text;
      say();
    },
    refuse(text) {
      notice = text;
      for (const field of frame.fields) field.disabled = true;
      say();
    },
    unread(count) {
      frame.badge.textContent = count || "";
      assign(launcher, {
        "aria-label": labels.open + (count ? `, ${count} ${labels.unread}` : ""),
      });
    },
  };
}

function createList(labels, on, log) {
  const items = new Map();

  /** Puts a message where its number belongs; what is not numbered yet stands last. */
  function place(item, first) {
    const isNear = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
    const next = [...log.children].find((other) => other !== item && other.first > first) ?? null;
    item.first = first;
    if (!item.parentNode || item.nextSibling !== next) log.insertBefore(item, next);
    if (isNear || first === Infinity) log.scrollTop = log.scrollHeight;
  }

  function itemOf(id, from) {
    const key = from + id;
    if (!items.has(key)) {
      const who = element("span", [`${labels[from]}: `], "hidden");
      const [body, more] = ["body", "more"].map((name) => element("div", [], name));
      const made = element("div", [who, body, more], `item ${from}`);
      items.set(key, Object.assign(made, { body, more }));
    }
    return items.get(key);
  }

  function own(id, text, first = Infinity) {
    const item = itemOf(id, "visitor");
    item.body.textContent = text;
    item.classList.toggle("waiting", first === Infinity);
    place(item, first);
  }

  function answer(entry) {
    const item = itemOf(entry.id, "agent");
    showMarkdown(item.body, entry.text);
    const files = entry.files.map(({ name }, index) => {
      const made = element("button", [`${labels.file} ${name}`]);
      made.onclick = () => on.file(entry, index);
      return made;
    });
    item.more.replaceChildren(...files, ...buttonsOf(entry, on));
    place(item, entry.first);
  }

  return {
    own,
    entry(entry) {
      if (entry.from !== "visitor") answer(entry);
      else if (!entry.pressed) own(entry.id, entry.text, entry.first);
    },
    sent: (id) => items.get(`visitor${id}`)?.classList.remove("waiting"),
    failed(id, why) {
      const item = items.get(`visitor${id}`);
      item?.classList.add("failed");
      item?.more.replaceChildren(`${labels.failed} ${why}`);
    },
    reset() {
      items.clear();
      log.replaceChildren();
    },
  };
}

/** Buttons of an answer: while a press is on its way none of them can be pressed again. */
function buttonsOf(entry, on) {
  const made = entry.buttons.map(({ label, style = "" }) => element("button", [label], style));
  const disable = (isDisabled) => {
    for (const one of made) one.disabled = isDisabled;
  };
  for (const [index, one] of made.entries()) {
    one.onclick = () => {
      disable(true);
      on.press(entry, entry.buttons[index], () => disable(false));
    };
  }
  return made;
}
