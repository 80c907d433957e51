// Apart from the checking itself, so that whoever asks for it does not load its parts.

/** Name of the compute pool's task that looks at a long message (screen.ts). */
export const screenTaskName = "guard.screen";
