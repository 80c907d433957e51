// Begins a chat in the page that has the script tag. Its data-attributes: data-conversation (a name, for
// several chats of one visitor), data-title, data-open, data-labels (JSON), data-user-token; a token that
// has to be fetched is what the function window.troupeUserToken gives.

import { createLink } from "./link.js";
import { createMemory } from "./memory.js";
import { createView } from "./view.js";

const english = {
  title: "Chat",
  open: "Open chat",
  close: "Close chat",
  log: "Messages",
  unread: "unread",
  text: "Message",
  send: "Send",
  visitor: "You",
  agent: "Answer",
  file: "Download",
  typing: "An answer is being written …",
  offline: "No connection. Messages are sent when it is back.",
  failed: "Not sent:",
};

function begin({ dataset, src }) {
  const { conversation = "main", title, labels = "{}", open, userToken } = dataset;
  const base = src.replace(/\/widget\.js.*$/, "");
  const isTitled = title !== undefined;
  const words = { ...english, ...JSON.parse(labels), ...(isTitled && { title }), isTitled };
  const memory = createMemory(`troupe-chat:${base}:${conversation}:`);
  const files = () => import(`${base}/files.js`);
  const warn = (error) => view.notice(error.message);
  let hasFiles = false;
  const pressed = new Map();
  const settle = (id) => pressed.get(id)?.();
  const unread = new Set();
  let newest = 0;
  const read = () => {
    memory.set("read", newest);
    unread.clear();
    view.unread(0);
  };
  const view = createView(words, {
    open() {
      link.start();
      read();
    },
    send: (text) => view.own(link.send({ text }), text),
    press: ({ id }, { action }, done) => pressed.set(link.send({ action, of: id }), done),
    file: ({ seq }, index) =>
      files()
        .then(({ download }) => download(link.file(seq, index)))
        .catch(warn),
  });
  const on = {
    session(got) {
      view.session(got);
      if (got.files && !hasFiles)
        files().then(({ attach }) => attach({ got, words, link, view }), warn);
      hasFiles = true;
    },
    typing: view.typing,
    online: (isOnline) => view.notice(isOnline ? "" : words.offline),
    refused: view.refuse,
    reset: view.reset,
    sent(id) {
      view.sent(id);
      settle(id);
    },
    failed(id, why) {
      view.failed(id, why);
      settle(id);
    },
    entries(entries) {
      for (const entry of entries) {
        view.entry(entry);
        newest = Math.max(newest, entry.first);
        if (entry.from === "agent" && entry.first > memory.get("read")) unread.add(entry.id);
      }
      if (view.isOpen()) read();
      else view.unread(unread.size);
    },
  };
  const token = () => userToken ?? window.troupeUserToken?.();
  const link = createLink({ base, conversation, memory, on, userToken: token });
  const waiting = link.pending();
  for (const { id, text, shown = text } of waiting) if (shown) view.own(id, shown);
  view.unread(0);
  // Who was here before is told of what came meanwhile; for others nothing is asked before they open it.
  if (memory.get("ticket") !== null || waiting.length > 0) link.start();
  if (open !== undefined) view.open();
}

const script = document.currentScript;
if (document.body) begin(script);
else document.addEventListener("DOMContentLoaded", () => begin(script));
