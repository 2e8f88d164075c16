/** The worker's own log: one line of JSON a message, for the operator. Never a token, a body or an event. */
import { escapeControls } from "../storage/printable.ts";

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

/** JSON on one line for every reader; JSON itself leaves some controls as they are. */
export function logLine(fields: Record<string, unknown>): string {
  return escapeControls(JSON.stringify(fields));
}
