/** A dialog over the page: Esc and the cross close it, and the focus goes back to where it came from. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

export function Dialog({
  title,
  close,
  children,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      dialog.current?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={close}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={close}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** The buttons at its end, and one that leaves everything as it is. */
export function DialogEnd({
  close,
  children,
}: {
  readonly close: () => void;
  readonly children: ComponentChildren;
}) {
  return (
    <p class="row end">
      <button type="button" onClick={close}>
        Cancel
      </button>
      {children}
    </p>
  );
}
