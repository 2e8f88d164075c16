/** The form for a new webhook. What it may not be, the server says. */
import { Dialog, DialogEnd } from "../parts/dialog.tsx";
import { Failed } from "../parts/states.tsx";
import { useAction } from "../state/action.ts";
import { send } from "../state/api.ts";
import type { MadeWebhook } from "./webhooks.tsx";

interface NewWebhookProps {
  readonly close: () => void;
  readonly show: (made: MadeWebhook) => void;
}

export function NewWebhook({ close, show }: NewWebhookProps) {
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const given = [...data].filter(([, value]) => value !== "");
    void action.run(async () =>
      show(await send<MadeWebhook>("POST", "/v1/webhooks", Object.fromEntries(given))),
    );
  };
  const field = (name: string, label: string, placeholder = "") => (
    <div class="field">
      <label for={`webhook-${name}`}>{label}</label>
      <input id={`webhook-${name}`} name={name} placeholder={placeholder} autocomplete="off" />
    </div>
  );
  const choice = (name: string, label: string, options: Readonly<Record<string, string>>) => (
    <div class="field">
      <label for={`webhook-${name}`}>{label}</label>
      <select id={`webhook-${name}`} name={name}>
        {Object.entries(options).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <Dialog title="New webhook" close={close}>
      <form onSubmit={submit}>
        {choice("format", "Form", {
          standard: "signed JSON (Standard Webhooks)",
          slack: "Slack",
          pagerduty: "PagerDuty",
        })}
        {field("url", "Address (PagerDuty: none)", "https://")}
        {field("routing_key", "Routing key (PagerDuty only)")}
        {choice("severity", "Tells", {
          warning: "everything",
          critical: "what is critical",
        })}
        {field("description", "What it is for")}
        <Failed problem={action.problem} what="Nothing was made" />
        <DialogEnd close={close}>
          <button type="submit" class="main" disabled={action.isBusy}>
            Make it
          </button>
        </DialogEnd>
      </form>
    </Dialog>
  );
}
