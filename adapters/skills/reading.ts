// What who has a skill read must know of it. Apart, so that nobody who asks loads what does the work.

/** Name of the compute pool's task that reads what was sent as a skill (read-skill.ts). */
export const readSkillTaskName = "skills.read";

/** Media types of what a skill is sent as, as an error names them. */
export const acceptedTypes = "application/zip, multipart/form-data or application/json";
