/** Browsers that are signed in to this page, and a button that signs one out. */
import { Failed, Panel, Waiting } from "../parts/states.tsx";
import { Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { getJson, send } from "../state/api.ts";
import { useLoad } from "../state/load.ts";
import { loadSession } from "../state/session.ts";

interface SessionFact {
  readonly id: string;
  readonly tokens: readonly string[];
  readonly created_at: string;
  readonly ends_at: string;
  readonly is_own: boolean;
}

export function Sessions() {
  const { value, problem, reload } = useLoad("sessions", (signal) =>
    getJson<{ sessions: readonly SessionFact[] }>("/v1/sessions", signal),
  );
  const action = useAction();
  const end = ({ id, is_own: isOwn }: SessionFact) =>
    void action.run(async () => {
      await send("DELETE", `/v1/sessions/${id}`);
      if (isOwn) await loadSession();
      else reload();
    }, "Signed out");
  return (
    <Panel title="Signed in to this page" id="sessions">
      {problem !== null && <Failed problem={problem} retry={reload} />}
      {action.problem !== null && <Failed problem={action.problem} what="Still signed in" />}
      {value === null && problem === null && <Waiting rows={2} />}
      {value !== null && value.sessions.length === 0 && (
        <p class="muted">Nobody: who uses the API sends a token each time.</p>
      )}
      {value !== null && value.sessions.length > 0 && (
        <table class="cards">
          <thead>
            <tr>
              <th scope="col">Session</th>
              <th scope="col">Acts by</th>
              <th scope="col">Since</th>
              <th scope="col">Ends</th>
              <th scope="col">
                <span class="heard">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {value.sessions.map((one) => (
              <tr key={one.id}>
                <th scope="row" data-name="Session">
                  <span>
                    <code>{one.id}</code>
                    {one.is_own && <span class="muted"> (this one)</span>}
                  </span>
                </th>
                <td data-name="Acts by">
                  <span class="mono">{one.tokens.join(", ") || "no token that works"}</span>
                </td>
                <td data-name="Since">
                  <Time at={one.created_at} />
                </td>
                <td data-name="Ends">
                  <Time at={one.ends_at} relative />
                </td>
                <td>
                  <button
                    type="button"
                    class="small danger"
                    aria-label={`Sign out ${one.id}`}
                    disabled={action.isBusy}
                    onClick={() => end(one)}
                  >
                    Sign out
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
