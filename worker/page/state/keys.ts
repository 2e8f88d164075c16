/**
 * The keyboard: one table of keys that views add to while they are shown, and that the `?` panel lists. Single keys do nothing
 * while somebody types, and can be switched off (WCAG 2.1.4).
 */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { keep, kept } from "./kept.ts";

export interface Key {
  /** As `KeyboardEvent.key` says it; two keys one after the other with a blank between them: `g e`. */
  readonly keys: string;
  /** For the list. */
  readonly does: string;
  readonly run: (event: KeyboardEvent) => void;
}

export const isKeyboardOn = signal(kept("keys") !== "off");
export function switchKeyboard(on: boolean): void {
  isKeyboardOn.value = on;
  keep("keys", on ? null : "off");
}

/** The keys that do something now, oldest first. */
export const keys = signal<readonly Key[]>([]);

/** Keys of a view, for as long as it is shown. `deps`: as of an effect. */
export function useKeys(own: readonly Key[], deps: readonly unknown[]): void {
  useEffect(() => {
    keys.value = [...keys.value, ...own];
    return () => {
      keys.value = keys.value.filter((key) => !own.includes(key));
    };
  }, deps);
}

const SECOND_KEY_MS = 1_500;
let first: { readonly key: string; readonly atMs: number } | null = null;

addEventListener("keydown", (event) => {
  if (!isKeyboardOn.value || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]:modal") !== null && event.key !== "?") return;
  const before = first !== null && event.timeStamp - first.atMs < SECOND_KEY_MS ? first.key : null;
  first = null;
  const wanted = before === null ? event.key : `${before} ${event.key}`;
  // The view that was shown last has the first word.
  const found = keys.value.findLast((key) => key.keys === wanted);
  if (found !== undefined) {
    event.preventDefault();
    found.run(event);
  } else if (keys.value.some((key) => key.keys.startsWith(`${event.key} `))) {
    first = { key: event.key, atMs: event.timeStamp };
  }
});

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  return (
    target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type)
  );
}
