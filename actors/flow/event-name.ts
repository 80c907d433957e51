// Names of the events that runs wait for, and the steps under which they wait.

const EVENT = "event:";
const NAME = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_.-]{1,64})?$/;

/** Key under which a run waits for an event from outside. */
export function eventKey(name: string): string {
  return `${EVENT}${name}`;
}

/** Whether an event may have this name. */
export function isEventName(name: string): boolean {
  return NAME.test(name);
}
