/** The worker's own log: one line of JSON a message, for the operator. Never a token, a body or an event. */

/** Writes one message. */
export function report(
  level: "info" | "warn" | "error",
  message: string,
  fields: Record<string, unknown> = {},
): void {
  const line = logLine({ time: new Date().toISOString(), level, message, ...fields });
  if (level === "error") console.error(line);
  else if (level === "warn") console.warn(line);
  else console.log(line);
}

/** JSON on one line for every reader: what JSON leaves as it is and a terminal or an editor acts upon is escaped too. */
export function logLine(fields: Record<string, unknown>): string {
  return JSON.stringify(fields).replace(
    CONTROLS,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** DEL and the controls U+0080–U+009F, line and paragraph separators, and what turns the direction of writing. */
const CONTROLS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
