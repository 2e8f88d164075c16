/** What is said to people who listen instead of looking: one polite live region for the whole page. */
import { signal } from "@preact/signals";

export const announcement = signal("");

/** Says it once; the same words again are said again. */
export function announce(text: string): void {
  announcement.value = announcement.value === text ? `${text}\u00a0` : text;
}
