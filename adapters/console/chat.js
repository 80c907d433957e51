// The chat page: keeps what is shown in step with the server. It holds nothing the server does not
// have, except which agent and conversation this tab is looking at.

import { element, showMarkdown } from "./markdown.js";
import { chat, request } from "./stream.js";

const at = (id) => document.getElementById(id);
const view = {
  agent: at("agent"),
  conversations: at("conversations"),
  log: at("log"),
  status: at("status"),
  provider: at("provider"),
  composer: at("composer"),
  message: at("message"),
  send: at("send"),
  stop: at("stop"),
  side: at("side"),
};
const state = { agents: [], conversation: null, run: null, isBusy: false, isStopped: false };

const report = (error) => {
  view.status.textContent = error.message;
};

async function start() {
  try {
    const info = await (await request("/console/info")).json();
    showProvider(info);
    const listed = await (await request("/v1/proxy/core-agents")).json();
    state.agents = listed.data;
  } catch (error) {
    showSignIn(error);
    return;
  }
  const remembered = sessionStorage.getItem("agent");
  view.agent.replaceChildren(
    ...state.agents.map((agent) => {
      const option = element("option", [agent.name]);
      option.value = agent.agent_key;
      option.selected = agent.agent_key === remembered;
      return option;
    }),
  );
  view.agent.disabled = state.agents.length === 0;
  const conversation = sessionStorage.getItem("conversation");
  await Promise.all([listConversations(), conversation ? open(conversation) : startNew()]);
  view.message.focus();
}

function showProvider({ builtin, providers }) {
  view.provider.hidden = !builtin;
  if (builtin) {
    view.provider.textContent =
      "The built-in answerer is at work: it quotes the best passages instead of writing. " +
      "For a language model, set OPENAI_API_KEY (or OPENAI_BASE_URL, ANTHROPIC_API_KEY) and restart.";
  }
  view.agent.title = builtin ? "Answered by the built-in answerer" : providers.join(", ");
}

function showSignIn(error) {
  const isOut = error.status === 401 || error.status === 403;
  const box = element("div", [], "welcome");
  box.append(
    element("h1", [isOut ? "Please sign in" : "The server does not answer"]),
    element("p", [
      isOut
        ? "Open the sign-in link that the server printed when it started. It works once."
        : error.message,
    ]),
  );
  view.log.replaceChildren(box);
  for (const control of [view.message, view.send, at("new")]) control.disabled = true;
}

async function listConversations() {
  const agent = view.agent.value;
  if (!agent) return;
  const path = `/v1/proxy/core-agent-conversations?agent_key=${encodeURIComponent(agent)}`;
  const listed = await request(path).then(
    (response) => response.json(),
    () => ({ data: [] }),
  );
  view.conversations.replaceChildren(
    ...listed.data.map((row) => {
      const button = element("button", [row.title || "Conversation"]);
      button.type = "button";
      button.dataset.key = row.conversation_key;
      button.addEventListener("click", () => choose(row.conversation_key).catch(report));
      return element("li", [button]);
    }),
  );
  markCurrent();
}

function markCurrent() {
  for (const button of view.conversations.querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.key === state.conversation));
  }
}

function setConversation(key) {
  state.conversation = key;
  if (key) sessionStorage.setItem("conversation", key);
  else sessionStorage.removeItem("conversation");
  markCurrent();
}

async function choose(key) {
  toggleSide(false);
  if (!state.isBusy && key !== state.conversation) await open(key);
}

async function open(key) {
  try {
    const path = `/v1/proxy/core-agent-conversation-details/${encodeURIComponent(key)}`;
    const { data } = await (await request(path)).json();
    setConversation(key);
    view.log.replaceChildren();
    for (const message of data.messages) showStored(message);
    scrollDown(true);
  } catch {
    startNew();
  }
}

function showStored(message) {
  if (message.role === "user") {
    showUser(message.content);
    return;
  }
  const answer = newAnswer();
  answer.text = message.content;
  if (message.routing_info) answer.showRouting(message.routing_info);
  if (message.sources) answer.showSources(message.sources);
  if (message.status && message.status !== "completed") answer.note(`(${message.status})`);
  answer.finish();
}

function startNew() {
  setConversation(null);
  const agent = state.agents.find((one) => one.agent_key === view.agent.value);
  const box = element("div", [], "welcome");
  box.append(element("h1", [agent ? agent.name : "No agent yet"]));
  box.append(
    element("p", [
      agent
        ? agent.description || "Ask a question to begin."
        : "Create one with the API; see README.md.",
    ]),
  );
  const offers = element("div", [], "offers");
  for (const { input } of agent?.examples ?? []) {
    const button = element("button", [input]);
    button.type = "button";
    button.addEventListener("click", () => say(input).catch(report));
    offers.append(button);
  }
  box.append(offers);
  view.log.replaceChildren(box);
}

function showUser(text) {
  view.log.querySelector(".welcome")?.remove();
  view.log.append(element("div", [element("p", [text])], "user"));
}

/** An answer being shown. `text` is all of it so far; `draw` shows it at most once a frame. */
function newAnswer() {
  const routing = element("p", [], "routing");
  const body = element("div", [], "text writing");
  const box = element("article", [routing, body], "answer");
  box.setAttribute("aria-label", "Answer");
  routing.hidden = true;
  view.log.append(box);
  const answer = {
    text: "",
    isDrawn: true,
    draw() {
      if (!answer.isDrawn) return;
      answer.isDrawn = false;
      requestAnimationFrame(() => {
        answer.isDrawn = true;
        showMarkdown(body, answer.text);
        scrollDown(false);
      });
    },
    showRouting(info) {
      routing.hidden = false;
      routing.title = `${info.method ?? ""} ${Math.round((info.confidence ?? 1) * 100)} %`.trim();
      routing.replaceChildren(element("b", [info.action_name]), info.reason);
    },
    showSources(sources) {
      box.querySelector(".sources")?.remove();
      if (sources.length > 0) box.append(sourcesElement(sources));
      scrollDown(false);
    },
    note(text, isProblem = false) {
      box.append(element("p", [text], isProblem ? "note problem" : "note"));
    },
    finish() {
      body.classList.remove("writing");
      showMarkdown(body, answer.text);
      scrollDown(false);
    },
  };
  return answer;
}

function sourcesElement(sources) {
  const items = sources.map((source) => {
    const where = [source.title, ...(source.headings ?? [])].join(" › ");
    return element("li", [element("b", [where]), element("blockquote", [source.text ?? ""])]);
  });
  const count = `${sources.length} source${sources.length === 1 ? "" : "s"}`;
  return element("details", [element("summary", [count]), element("ol", items)], "sources");
}

function scrollDown(isForced) {
  const { scrollHeight, scrollTop, clientHeight } = view.log;
  if (isForced || scrollHeight - scrollTop - clientHeight < 160) view.log.scrollTop = scrollHeight;
}

function setBusy(isBusy) {
  state.isBusy = isBusy;
  view.send.hidden = isBusy;
  view.stop.hidden = !isBusy;
  view.log.setAttribute("aria-busy", String(isBusy));
}

async function say(text) {
  if (state.isBusy || text.trim() === "" || !view.agent.value) return;
  Object.assign(state, { run: null, isStopped: false });
  setBusy(true);
  showUser(text);
  const answer = newAnswer();
  scrollDown(true);
  const body = { agent_key: view.agent.value, message: text };
  if (state.conversation) body.conversation_key = state.conversation;
  for await (const step of chat(body)) takeStep(step, answer);
  if (state.isStopped) answer.note("Stopped.");
  answer.finish();
  view.status.textContent = "";
  setBusy(false);
  view.message.focus();
  await listConversations();
}

function takeStep(step, answer) {
  if (step.run) state.run = step.run;
  if (step.run && state.isStopped) cancel();
  if (step.conversation) setConversation(step.conversation);
  if (step.routing) answer.showRouting(step.routing);
  if (step.text) answer.text += step.text;
  if (step.restart) answer.text = "";
  if (step.sources) answer.showSources(step.sources);
  if (step.waiting !== undefined) {
    view.status.textContent = step.waiting ? "Connection lost. Taking the answer up again…" : "";
  }
  if (step.end) takeReply(step.end, answer);
  if (step.notice && !state.isStopped) view.status.textContent = step.notice;
  if (step.error && !state.isStopped) answer.note(step.error, true);
  answer.draw();
}

function takeReply(reply, answer) {
  if (reply.isTrimmed) answer.note("The rest is in the conversation; open it again to see it.");
  if (reply.response) answer.text = reply.response;
  if (reply.routing_info) answer.showRouting(reply.routing_info);
  if (reply.sources) answer.showSources(reply.sources);
}

function cancel() {
  request(`/v2/runs/${state.run}/cancel`, { method: "POST", body: "{}" }).catch((error) => {
    if (error.status !== 409) view.status.textContent = error.message;
  });
}

function toggleSide(isOpen) {
  view.side.classList.toggle("open", isOpen);
  at("list-toggle").setAttribute("aria-expanded", String(isOpen));
}

function fitMessage() {
  view.message.style.height = "auto";
  view.message.style.height = `${view.message.scrollHeight}px`;
}

view.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.isBusy) return;
  const text = view.message.value;
  view.message.value = "";
  fitMessage();
  say(text).catch(report);
});
view.message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  view.composer.requestSubmit();
});
view.message.addEventListener("input", fitMessage);
view.stop.addEventListener("click", () => {
  state.isStopped = true;
  view.status.textContent = "Stopping…";
  if (state.run) cancel();
});
view.agent.addEventListener("change", () => {
  sessionStorage.setItem("agent", view.agent.value);
  startNew();
  listConversations().catch(report);
});
at("new").addEventListener("click", () => {
  toggleSide(false);
  if (!state.isBusy) startNew();
  view.message.focus();
});
at("list-toggle").addEventListener("click", () => {
  toggleSide(!view.side.classList.contains("open"));
});
start().catch(report);
