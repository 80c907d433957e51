// Requests of the widget: each with the visitor's ticket, which is fetched when there is none and once more
// when it is over.

const CALL_MS = 40_000;
const PAUSE_MS_MAX = 30_000;

/** `call(path, body)`; throws an Error with `status` and `waitMs`. `on`: session, reset (another visitor). */
export function createCalls({ base, conversation, userToken, memory, on }) {
  const state = { ticket: null, visitor: null };
  let renewal = null;

  async function post(path, body) {
    // Plain text, no cookies and no header of our own: browsers send it without asking first.
    const response = await fetch(base + path, {
      method: "POST",
      body: JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.timeout(CALL_MS),
    });
    const value = await response.json();
    if (response.ok) return value;
    throw Object.assign(new Error(value.detail), {
      status: response.status,
      waitMs: Number(response.headers.get("retry-after")) * 1_000 || 0,
    });
  }

  async function renew() {
    const user_token = await userToken();
    const token = memory.get("ticket");
    const got = await post("/session", user_token ? { user_token } : token ? { token } : {});
    // Who is signed in is the site's to say, each time.
    if (user_token) memory.remove("ticket");
    else memory.set("ticket", got.token);
    const isOther = state.visitor !== null && state.visitor !== got.visitor;
    state.ticket = got.token;
    state.visitor = got.visitor;
    if (isOther) on.reset();
    on.session(got);
  }

  async function call(path, body, isRepeat) {
    if (state.ticket === null) {
      renewal ??= renew().finally(() => {
        renewal = null;
      });
      await renewal;
    }
    const token = state.ticket;
    try {
      return await post(path, { token, conversation, ...body });
    } catch (error) {
      if (error.status !== 401 || isRepeat) throw error;
      if (state.ticket === token) state.ticket = null;
      return call(path, body, true);
    }
  }

  return { call, visitor: () => state.visitor };
}

/** Whether the same again would end the same. */
export function isFinal({ status = 0 }) {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** Longer with each failure, a little by chance; over when the browser is online again. */
export function pause(failures, leastMs = 0) {
  const ms = Math.max(leastMs, Math.min(PAUSE_MS_MAX, 500 * 2 ** failures));
  return new Promise((done) => {
    setTimeout(done, ms * (1 + Math.random() / 4));
    window.addEventListener("online", done, { once: true });
  });
}
