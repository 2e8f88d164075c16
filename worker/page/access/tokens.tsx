/** Tokens that one may manage: making one (shown once), rotating and revoking. */
import { useState } from "preact/hooks";
import { Badge, type Tone } from "../parts/badge.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ShownOnce } from "../parts/shown-once.tsx";
import { Empty, Panel, Pending } from "../parts/states.tsx";
import { Row, Table, type Column } from "../parts/table.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { send } from "../state/api.ts";
import { useJson } from "../state/load.ts";
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

const COLUMNS = [
  ...["Token", "Roles", "Logs", "Last used", "Ends", "State"],
  ["Change", "do"],
] as readonly Column[];

export function Tokens() {
  const tokens = useJson<{ tokens: readonly TokenFact[] }>("/v1/tokens");
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
      <Pending of={tokens} rows={3} />
      {tokens.value !== null && all.length === 0 && <Empty title="None that you may manage" />}
      {shown.length > 0 && (
        <Table columns={COLUMNS}>
          {shown.map((token) => (
            <TokenRow key={token.id} token={token} reload={tokens.reload} show={show} />
          ))}
        </Table>
      )}
      {isMaking && <NewToken close={() => setMaking(false)} show={show} />}
      {made !== null && (
        <ShownOnce what="token" secret={made.token} close={() => setMade(null)}>
          <p>It is shown this once: only its hash is kept. Whoever has it has its rights.</p>
          {made.approval !== undefined && (
            <p class="note warn">
              It works once another administrator has approved it (approval{" "}
              <code>{made.approval.id}</code>).
            </p>
          )}
        </ShownOnce>
      )}
    </Panel>
  );
}

function TokenRow({
  token,
  reload,
  show,
}: {
  readonly token: TokenFact;
  readonly reload: () => void;
  readonly show: (made: MadeToken) => void;
}) {
  const [asks, setAsks] = useState<"revoke" | "rotate" | null>(null);
  const close = () => setAsks(null);
  const isOwn = session.value?.tokens.some(({ id }) => id === token.id) ?? false;
  const revoke = async () => {
    await send("DELETE", `/v1/tokens/${token.id}`);
    close();
    reload();
  };
  const rotate = async () => {
    const made = await send<MadeToken>("POST", `/v1/tokens/${token.id}/rotate`, {});
    close();
    show(made);
  };
  const isOver = token.state === "revoked" || token.state === "expired";
  return (
    <Row
      columns={COLUMNS}
      cells={[
        <span>
          <code>{token.id}</code>
          {isOwn && <span class="muted"> (this session’s)</span>}
          {token.description !== "" && (
            <>
              <br />
              <Foreign text={token.description} cut={80} />
            </>
          )}
        </span>,
        token.roles.join(", "),
        <span class="mono">
          <Foreign text={token.logs.join(", ")} cut={80} />
        </span>,
        <Time at={token.last_used_at} />,
        <Time at={token.expires_at} />,
        <Badge tone={TONES[token.state] ?? "plain"}>{token.state}</Badge>,
        <>
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
            <Confirm
              title={`Revoke ${token.id}?`}
              does="Revoke"
              kind="danger"
              failed="Not revoked: the token is still valid"
              run={revoke}
              close={close}
            >
              It stops working within a second, for everybody who uses it, and for good.
              {isOwn && " Your session loses what it may do by this token."}
            </Confirm>
          )}
          {asks === "rotate" && (
            <Confirm
              title={`Rotate ${token.id}?`}
              does="Rotate"
              kind="main"
              failed="Nothing was made"
              run={rotate}
              close={close}
            >
              A new token with the same rights is made and shown once. The old one works for a day
              more.
            </Confirm>
          )}
        </>,
      ]}
    />
  );
}
