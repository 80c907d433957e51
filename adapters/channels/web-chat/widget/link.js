// The widget's side of the conversation with the server: a queue of messages that each stay until they are
// acknowledged, and a long poll that goes on after the last number it has.

import { createCalls, isFinal, pause } from "./calls.js";

const WAIT_S = 25;
const PENDING_MS_MAX = 24 * 3_600_000;
const PENDING = "p:";

/**
 * Opens it; nothing is sent before `start`. `on` is told of session, entries, typing, online, sent, failed,
 * refused (nothing goes on) and reset (what was shown is not this visitor's or not there any more).
 */
export function createLink({ memory, on, ...of }) {
  let after = 0;
  let isStarted = false;
  const reset = () => {
    after = 0;
    on.reset();
  };
  const calls = createCalls({ memory, on: { ...on, reset }, ...of });
  const queue = createQueue(calls, memory, on);

  async function listen() {
    let typing = 0;
    for (let failures = 0; ; ) {
      await shown();
      try {
        const wait = failures > 0 ? 0 : WAIT_S;
        const got = await calls.call("/events", { after, wait, typing });
        failures = 0;
        after = got.last;
        typing = got.typing;
        on.online(true);
        on.entries(got.entries);
        on.typing(got.typing_ms);
      } catch (error) {
        if (error.status === 400 && after > 0) reset();
        else if (isFinal(error)) return on.refused(error.message);
        on.online(false);
        await pause(failures, error.waitMs);
        failures += 1;
      }
    }
  }

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      void listen();
      void queue.deliver();
    },
    pending: queue.pending,
    send: queue.send,
    ...calls,
    isFinal,
    pause,
    file: (seq, index) => calls.call("/file", { seq, index }),
  };
}

function createQueue({ call, visitor }, memory, on) {
  let isSending = false;

  function pending() {
    const waiting = [];
    for (const name of memory.names(PENDING)) {
      const message = memory.get(name);
      const isOurs = !visitor() || !message?.visitor || message.visitor === visitor();
      if (message && isOurs && message.at > Date.now() - PENDING_MS_MAX) waiting.push(message);
      else memory.remove(name);
    }
    return waiting.sort((a, b) => a.at - b.at);
  }

  async function deliver() {
    if (isSending) return;
    isSending = true;
    let failures = 0;
    for (let [message] = pending(); message; [message] = pending()) {
      const { id, text, action, of, file } = message;
      try {
        await call("/messages", { id, text, action, of, file });
        failures = 0;
        memory.remove(PENDING + id);
        on.sent(id);
      } catch (error) {
        if (isFinal(error)) {
          memory.remove(PENDING + id);
          on.failed(id, error.message);
        } else {
          on.online(false);
          await pause(failures, error.waitMs);
          failures += 1;
        }
      }
    }
    isSending = false;
  }

  /** A text, a file, or the action of a button with the message it stands under. */
  function send(message) {
    const id = crypto.randomUUID();
    memory.set(PENDING + id, { id, visitor: visitor(), at: Date.now(), ...message });
    void deliver();
    return id;
  }

  return { pending, deliver, send };
}

/** Resolves when the page is looked at: what nobody sees is not fetched. */
function shown() {
  return new Promise((done) => {
    const look = () => {
      if (!document.hidden) done();
    };
    document.addEventListener("visibilitychange", look, { once: true });
    look();
  });
}
