/** The form for a new token. What it may not be, the server says, at its place. */
import { Dialog, DialogEnd } from "../parts/dialog.tsx";
import { Failed } from "../parts/states.tsx";
import { useAction } from "../state/action.ts";
import { send } from "../state/api.ts";
import { currentLog, type Role } from "../state/session.ts";
import { serverNowMs } from "../state/time.ts";
import type { MadeToken } from "./tokens.tsx";

const ROLES: readonly (readonly [role: Role, may: string])[] = [
  ["writer", "appends events, reads nothing"],
  ["reader", "reads and searches entries"],
  ["auditor", "reads, downloads, verifies, runs audits"],
  ["admin", "makes logs and tokens, reads no entries"],
];
const DAYS = ["1", "30", "90", "365"];
const DAY_MS = 86_400_000;

export function NewToken({
  close,
  show,
}: {
  readonly close: () => void;
  readonly show: (made: MadeToken) => void;
}) {
  const action = useAction();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => (data.get(name) as string | null) ?? "";
    const list = (name: string): string[] =>
      text(name)
        .split(/[\s,]+/)
        .filter((part) => part !== "");
    const days = text("days");
    void action.run(async () => {
      const made = await send<MadeToken>("POST", "/v1/tokens", {
        roles: data.getAll("role"),
        logs: list("logs"),
        networks: list("networks"),
        description: text("description"),
        expires_at:
          days === "never" ? null : new Date(serverNowMs() + Number(days) * DAY_MS).toISOString(),
      });
      show(made);
    });
  };
  return (
    <Dialog title="New token" close={close}>
      <form onSubmit={submit}>
        <div class="field">
          <label for="token-description">What it is for</label>
          <input id="token-description" name="description" maxLength={200} autocomplete="off" />
        </div>
        <fieldset class="field">
          <legend>Roles</legend>
          {ROLES.map(([role, may]) => (
            <label class="check" key={role}>
              <input type="checkbox" name="role" value={role} defaultChecked={role === "writer"} />
              <span>
                <strong>{role}</strong> <span class="muted">{may}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <div class="field">
          <label for="token-logs">Logs, names or beginnings with a *</label>
          <input
            id="token-logs"
            name="logs"
            required
            defaultValue={currentLog.value ?? ""}
            autocomplete="off"
            class="mono"
          />
        </div>
        <div class="field">
          <label for="token-days">Works for</label>
          <select id="token-days" name="days" defaultValue="90">
            {DAYS.map((days) => (
              <option key={days} value={days}>
                {days === "1" ? "a day" : `${days} days`}
              </option>
            ))}
            <option value="never">until it is revoked</option>
          </select>
        </div>
        <div class="field">
          <label for="token-networks">Only from these networks (none: from anywhere)</label>
          <input
            id="token-networks"
            name="networks"
            placeholder="192.0.2.0/24"
            autocomplete="off"
            class="mono"
          />
        </div>
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
