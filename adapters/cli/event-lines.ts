// Server-sent events as a command of the terminal reads them from a response.

/** Longest line of a stream, in characters; a longer one is no answer of this server. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;

/** One event: its name, "" when it has none, its data, and its id. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** The events of a response, each with one line of data. */
export async function* eventsOf(response: Response): AsyncIterable<ServerEvent> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  let event = "";
  let id: string | undefined;
  for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(bytes, { stream: true });
    if (rest.length > LINE_CHARS_MAX) throw new Error("the server sent an endless line");
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("event: ")) event = line.slice(7);
      else if (line.startsWith("id: ")) id = line.slice(4);
      else if (line.startsWith("data: ")) {
        yield { event, data: line.slice(6), ...(id === undefined ? {} : { id }) };
      } else if (line === "") {
        event = "";
        id = undefined;
      }
    }
  }
}
