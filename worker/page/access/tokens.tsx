/** Tokens that one may manage: making one (shown once), rotating and revoking. */
import { useState } from "preact/hooks";
import { Badge, type Tone } from "../parts/badge.tsx";
import { Copy } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Empty, Failed, Panel, Waiting } from "../parts/states.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { getJson, send } from "../state/api.ts";
import { useLoad } from "../state/load.ts";
import { session, type Role } from "../state/session.ts";
import { NewToken } from "./new-token.tsx";

export interface TokenFact {
  readonly id: string;
  readonly state: string;
  readonly roles: readonly Role[];
  readonly logs: readonly string[];
  readonly expires_at: string | null;
  readonly networks: readonly string[];
  readonly description: string;
  readonly created_at: string;
  readonly created_by: string;
  readonly last_used_at: string | null;
}

/** What an answer that makes a token holds, this once. `approval`: it works when another administrator agrees. */
export interface MadeToken {
  readonly id: string;
  readonly token: string;
  readonly approval?: { readonly id: string };
}

const TONES: Readonly<Record<string, Tone>> = { active: "plain", revoked: "warn", expired: "warn" };

export function Tokens() {
  const tokens = useLoad("tokens", (signal) =>
    getJson<{ tokens: readonly TokenFact[] }>("/v1/tokens", signal),
  );
  const [isMaking, setMaking] = useState(false);
  const [isAll, setAll] = useState(false);
  const [made, setMade] = useState<MadeToken | null>(null);
  const show = (token: MadeToken) => {
    setMaking(false);
    setMade(token);
    tokens.reload();
  };
  const all = tokens.value?.tokens ?? [];
  const shown = isAll ? all : all.filter(({ state }) => state !== "revoked" && state !== "expired");
  return (
    <Panel
      title="Tokens"
      id="tokens"
      aside={
        <span class="row">
          <label class="check">
            <input type="checkbox" checked={isAll} onChange={() => setAll(!isAll)} /> ended ones too
          </label>
          <button type="button" class="main" onClick={() => setMaking(true)}>
            New token
          </button>
        </span>
      }
    >
      {tokens.problem !== null && <Failed problem={tokens.problem} retry={tokens.reload} />}
      {tokens.value === null && tokens.problem === null && <Waiting rows={3} />}
      {tokens.value !== null && all.length === 0 && <Empty title="None that you may manage" />}
      {shown.length > 0 && (
        <table class="cards">
          <thead>
            <tr>
              <th scope="col">Token</th>
              <th scope="col">Roles</th>
              <th scope="col">Logs</th>
              <th scope="col">Last used</th>
              <th scope="col">Ends</th>
              <th scope="col">State</th>
              <th scope="col">
                <span class="heard">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((token) => (
              <Row key={token.id} token={token} reload={tokens.reload} show={show} />
            ))}
          </tbody>
        </table>
      )}
      {isMaking && <NewToken close={() => setMaking(false)} show={show} />}
      {made !== null && <Shown made={made} close={() => setMade(null)} />}
    </Panel>
  );
}

function Row({
  token,
  reload,
  show,
}: {
  readonly token: TokenFact;
  readonly reload: () => void;
  readonly show: (made: MadeToken) => void;
}) {
  const [asks, setAsks] = useState<"revoke" | "rotate" | null>(null);
  const action = useAction();
  const isOwn = session.value?.tokens.some(({ id }) => id === token.id) ?? false;
  const revoke = () =>
    action.run(async () => {
      await send("DELETE", `/v1/tokens/${token.id}`);
      setAsks(null);
      reload();
    }, "Revoked");
  const rotate = () =>
    action.run(async () => {
      const made = await send<MadeToken>("POST", `/v1/tokens/${token.id}/rotate`, {});
      setAsks(null);
      show(made);
    });
  const isOver = token.state === "revoked" || token.state === "expired";
  return (
    <tr>
      <th scope="row" data-name="Token">
        <span>
          <code>{token.id}</code>
          {isOwn && <span class="muted"> (this session’s)</span>}
          {token.description !== "" && (
            <>
              <br />
              <Foreign text={token.description} cut={80} />
            </>
          )}
        </span>
      </th>
      <td data-name="Roles">{token.roles.join(", ")}</td>
      <td data-name="Logs">
        <span class="mono">
          <Foreign text={token.logs.join(", ")} cut={80} />
        </span>
      </td>
      <td data-name="Last used">
        {token.last_used_at === null ? "never" : <Time at={token.last_used_at} />}
      </td>
      <td data-name="Ends">
        {token.expires_at === null ? "never" : <Time at={token.expires_at} />}
      </td>
      <td data-name="State">
        <Badge tone={TONES[token.state] ?? "plain"}>{token.state}</Badge>
      </td>
      <td>
        {!isOver && (
          <span class="row">
            <button
              type="button"
              class="small"
              aria-label={`Rotate ${token.id}`}
              onClick={() => setAsks("rotate")}
            >
              Rotate
            </button>
            <button
              type="button"
              class="small danger"
              aria-label={`Revoke ${token.id}`}
              onClick={() => setAsks("revoke")}
            >
              Revoke
            </button>
          </span>
        )}
        {asks === "revoke" && (
          <Dialog title={`Revoke ${token.id}?`} close={() => setAsks(null)}>
            <p>
              It stops working within a second, for everybody who uses it, and for good.
              {isOwn && " Your session loses what it may do by this token."}
            </p>
            {action.problem !== null && (
              <Failed problem={action.problem} what="Not revoked: the token is still valid" />
            )}
            <p class="row end">
              <button type="button" onClick={() => setAsks(null)}>
                Cancel
              </button>
              <button
                type="button"
                class="danger"
                disabled={action.isBusy}
                onClick={() => void revoke()}
              >
                Revoke
              </button>
            </p>
          </Dialog>
        )}
        {asks === "rotate" && (
          <Dialog title={`Rotate ${token.id}?`} close={() => setAsks(null)}>
            <p>
              A new token with the same rights is made and shown once. The old one works for a day
              more.
            </p>
            {action.problem !== null && <Failed problem={action.problem} what="Nothing was made" />}
            <p class="row end">
              <button type="button" onClick={() => setAsks(null)}>
                Cancel
              </button>
              <button
                type="button"
                class="main"
                disabled={action.isBusy}
                onClick={() => void rotate()}
              >
                Rotate
              </button>
            </p>
          </Dialog>
        )}
      </td>
    </tr>
  );
}

function Shown({ made, close }: { readonly made: MadeToken; readonly close: () => void }) {
  return (
    <Dialog title="The new token" close={close}>
      <p>It is shown this once: only its hash is kept. Whoever has it has its rights.</p>
      {made.approval !== undefined && (
        <p class="note warn">
          It works once another administrator has approved it (approval{" "}
          <code>{made.approval.id}</code>).
        </p>
      )}
      <p class="secret">
        <code>{made.token}</code>
      </p>
      <p class="row end">
        <Copy text={made.token} what="Copy the token" />
        <button type="button" class="main" onClick={close}>
          Done
        </button>
      </p>
    </Dialog>
  );
}
