/** A secret that was just made: it is seen and copied here, this once. */
import type { ComponentChildren } from "preact";
import { Copy } from "./copy.tsx";
import { Dialog } from "./dialog.tsx";

interface ShownOnceProps {
  readonly what: string;
  readonly secret: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function ShownOnce({ what, secret, close, children }: ShownOnceProps) {
  return (
    <Dialog title={`The new ${what}`} close={close}>
      {children}
      <p class="secret">
        <code>{secret}</code>
      </p>
      <p class="row end">
        <Copy text={secret} what={`Copy the ${what}`} />
        <button type="button" class="main" onClick={close}>
          Done
        </button>
      </p>
    </Dialog>
  );
}
