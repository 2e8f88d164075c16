/** Browsers that are signed in to this page, and a button that signs one out. */
import { Failed, Panel, Pending } from "../parts/states.tsx";
import { Row, Table } from "../parts/table.tsx";
import { Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { send } from "../state/api.ts";
import { useJson } from "../state/load.ts";
import { loadSession } from "../state/session.ts";

interface SessionFact {
  readonly id: string;
  readonly tokens: readonly string[];
  readonly created_at: string;
  readonly ends_at: string;
  readonly is_own: boolean;
}

const COLUMNS = ["Session", "Acts by", "Since", "Ends", ["Change", "do"]] as const;

export function Sessions() {
  const loaded = useJson<{ sessions: readonly SessionFact[] }>("/v1/sessions");
  const { value, reload } = loaded;
  const action = useAction();
  const end = ({ id, is_own: isOwn }: SessionFact) =>
    void action.run(async () => {
      await send("DELETE", `/v1/sessions/${id}`);
      if (isOwn) await loadSession();
      else reload();
    }, "Signed out");
  return (
    <Panel title="Signed in to this page" id="sessions">
      <Failed problem={action.problem} what="Still signed in" />
      <Pending of={loaded} rows={2} />
      {value !== null && value.sessions.length === 0 && (
        <p class="muted">Nobody: who uses the API sends a token each time.</p>
      )}
      {value !== null && value.sessions.length > 0 && (
        <Table columns={COLUMNS}>
          {value.sessions.map((one) => (
            <Row
              key={one.id}
              columns={COLUMNS}
              cells={[
                <span>
                  <code>{one.id}</code>
                  {one.is_own && <span class="muted"> (this one)</span>}
                </span>,
                <span class="mono">{one.tokens.join(", ") || "no token that works"}</span>,
                <Time at={one.created_at} />,
                <Time at={one.ends_at} relative />,
                <button
                  type="button"
                  class="small danger"
                  aria-label={`Sign out ${one.id}`}
                  disabled={action.isBusy}
                  onClick={() => end(one)}
                >
                  Sign out
                </button>,
              ]}
            />
          ))}
        </Table>
      )}
    </Panel>
  );
}
