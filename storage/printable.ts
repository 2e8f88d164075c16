/** Text that is one line, and only text, for whatever shows it: a terminal, an editor, a collector of logs. */

/**
 * Controls but the tab, line and paragraph separators, and what turns the direction of writing: with them a text could
 * pass for other lines, or make a terminal act (CWE-117, CWE-150).
 */
const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** The same text with such characters as JSON writes them (`\u001b`); JSON keeps its meaning. */
export function escapeControls(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
