/** Copying a text; on plain HTTP, where browsers offer no clipboard, the text is selected in a dialog instead. */
import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "../state/announce.ts";
import { Dialog } from "./dialog.tsx";

const SAID_MS = 2_000;

export function Copy({
  text,
  what = "Copy",
  label,
}: {
  readonly text: string | (() => string);
  readonly what?: string;
  readonly label?: string;
}) {
  const [done, setDone] = useState(false);
  const [selected, setSelected] = useState<string | null>(null);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    const value = typeof text === "string" ? text : text();
    if (await copyText(value)) {
      setDone(true);
      announce("Copied");
    } else setSelected(value);
  };
  return (
    <>
      <button type="button" class="small" aria-label={label} onClick={() => void copy()}>
        {done ? "Copied ✓" : what}
      </button>
      {selected !== null && <Selected text={selected} close={() => setSelected(null)} />}
    </>
  );
}

/** False where the browser has no clipboard for this page, or does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Not there on plain HTTP, whatever the types say.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    await clipboard?.writeText(text);
    return clipboard !== undefined;
  } catch {
    return false;
  }
}

function Selected({ text, close }: { readonly text: string; readonly close: () => void }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current?.select(), []);
  return (
    <Dialog title="Copy this text" close={close}>
      <p>
        The browser lets no page copy over plain HTTP. The text is selected: press Ctrl+C, or ⌘C.
      </p>
      <textarea ref={area} readOnly rows={4} value={text} aria-label="Text to copy" />
    </Dialog>
  );
}
