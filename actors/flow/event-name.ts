// Names of the events that runs wait for, and the steps under which they wait.

const EVENT = "event:";
const NAME = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_.-]{1,64})?$/;

/** Key under which a run waits for an event from outside. */
export function eventKey(name: string): string {
  return `${EVENT}${name}`;
}

/** The event that a run waits for under a key; null for other keys. */
export function eventOfKey(key: string): string | null {
  return key.startsWith(EVENT) ? key.slice(EVENT.length) : null;
}

/** Whether an event may have this name. */
export function isEventName(name: string): boolean {
  return NAME.test(name);
}
