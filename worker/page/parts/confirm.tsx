/** Asks before something is done that is not undone; where it does not work, it stays open and says why. */
import type { ComponentChildren } from "preact";
import { useAction } from "../state/action.ts";
import { Dialog, DialogEnd } from "./dialog.tsx";
import { Failed } from "./states.tsx";

interface ConfirmProps {
  readonly title: string;
  /** On the button. */
  readonly does: string;
  readonly kind: "main" | "danger";
  /** What holds where it did not work. */
  readonly failed: string;
  readonly run: () => Promise<void>;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function Confirm({ title, does, kind, failed, run, close, children }: ConfirmProps) {
  const action = useAction();
  return (
    <Dialog title={title} close={close}>
      <p>{children}</p>
      <Failed problem={action.problem} what={failed} />
      <DialogEnd close={close}>
        <button
          type="button"
          class={kind}
          disabled={action.isBusy}
          onClick={() => void action.run(run, "Done")}
        >
          {does}
        </button>
      </DialogEnd>
    </Dialog>
  );
}
