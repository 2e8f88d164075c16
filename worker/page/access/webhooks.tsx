/** Where alerts go and how that went: making one (its secret is shown once), testing, rotating and removing it. */
import { useState } from "preact/hooks";
import { Badge } from "../parts/badge.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ShownOnce } from "../parts/shown-once.tsx";
import { Panel, Pending } from "../parts/states.tsx";
import { Row, Table } from "../parts/table.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { ApiProblem, send } from "../state/api.ts";
import { useJson } from "../state/load.ts";
import { NewWebhook } from "./new-webhook.tsx";

interface WebhookFact {
  readonly id: string;
  readonly source: string;
  readonly format: string;
  readonly severity: string;
  readonly description: string;
  readonly address: string | null;
  readonly state: string;
  readonly waiting: number;
  readonly dead: number;
  readonly last_delivered: string | null;
}

/** `secret`: signs what is sent; not there for those of Slack and PagerDuty. */
export interface MadeWebhook extends WebhookFact {
  readonly secret?: string;
}

interface TestAnswer {
  readonly delivered: boolean;
  readonly outcome: string;
  readonly status: number | null;
  readonly detail: string | null;
  readonly ms: number;
}

const COLUMNS = ["To", "Form", "Of severity", "State", "Last delivered", ["Change", "do"]] as const;

export function Webhooks() {
  const loaded = useJson<{ webhooks: readonly WebhookFact[] }>("/v1/webhooks");
  const { value, problem } = loaded;
  const [isMaking, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const show = (made: MadeWebhook) => {
    setMaking(false);
    setSecret(made.secret ?? null);
    loaded.reload();
  };
  return (
    <Panel
      title="Where alerts go"
      id="webhooks"
      aside={
        value !== null && (
          <button type="button" class="main" onClick={() => setMaking(true)}>
            New webhook
          </button>
        )
      }
    >
      {problem?.status === 403 ? (
        <p class="muted">For administrators of all logs.</p>
      ) : (
        <Pending of={loaded} rows={2} />
      )}
      {value !== null && value.webhooks.length === 0 && (
        <p>
          <Badge tone="warn">Nobody is told</Badge> A finding would stand here and in the log only.
          E-mail and commands are set up in the configuration.
        </p>
      )}
      {value !== null && value.webhooks.length > 0 && (
        <Table columns={COLUMNS}>
          {value.webhooks.map((webhook) => (
            <WebhookRow key={webhook.id} webhook={webhook} show={show} />
          ))}
        </Table>
      )}
      {isMaking && <NewWebhook close={() => setMaking(false)} show={show} />}
      {secret !== null && (
        <ShownOnce what="secret" secret={secret} close={() => setSecret(null)}>
          <p>It is shown this once: who receives the alerts needs it to check their signature.</p>
        </ShownOnce>
      )}
    </Panel>
  );
}

interface RowProps {
  readonly webhook: WebhookFact;
  readonly show: (made: MadeWebhook) => void;
}

function WebhookRow({ webhook, show }: RowProps) {
  const action = useAction();
  const [asks, setAsks] = useState<"rotate" | "remove" | null>(null);
  const close = () => setAsks(null);
  const path = `/v1/webhooks/${webhook.id}`;
  const isApi = webhook.source === "api";
  const rotate = async () => {
    const made = await send<MadeWebhook>("POST", `${path}/rotate`, {});
    close();
    show(made);
  };
  const remove = async () => {
    const { approval } = await send<{ readonly approval?: { readonly id: string } }>(
      "DELETE",
      path,
    );
    if (approval !== undefined) {
      const words = `another administrator has to approve it first (approval ${approval.id})`;
      throw new ApiProblem(202, "approval", words);
    }
    close();
    show(webhook);
  };
  const [answer, setAnswer] = useState<TestAnswer | null>(null);
  const test = () =>
    void action.run(
      async () => setAnswer(await send<TestAnswer>("POST", `${path}/test`)),
      "Tested",
    );
  return (
    <Row
      columns={COLUMNS}
      cells={[
        <span>
          <Foreign text={webhook.address ?? webhook.id} cut={80} />
          {webhook.description !== "" && (
            <>
              <br />
              <span class="muted">
                <Foreign text={webhook.description} cut={80} />
              </span>
            </>
          )}
        </span>,
        webhook.format,
        webhook.severity,
        <span>
          <Badge tone={webhook.state === "active" ? "plain" : "warn"}>{webhook.state}</Badge>
          {webhook.waiting > 0 && ` ${webhook.waiting} waiting`}
          {webhook.dead > 0 && (
            <>
              {" "}
              <Badge tone="bad">{`${webhook.dead} not delivered`}</Badge>
            </>
          )}
        </span>,
        <Time at={webhook.last_delivered} />,
        <>
          <span class="row">
            <button
              type="button"
              class="small"
              disabled={action.isBusy}
              aria-label={`Send a test to ${webhook.id}`}
              onClick={test}
            >
              Send a test
            </button>
            {isApi && webhook.format === "standard" && (
              <button
                type="button"
                class="small"
                aria-label={`Rotate ${webhook.id}`}
                onClick={() => setAsks("rotate")}
              >
                Rotate
              </button>
            )}
            {isApi && (
              <button
                type="button"
                class="small danger"
                aria-label={`Remove ${webhook.id}`}
                onClick={() => setAsks("remove")}
              >
                Remove
              </button>
            )}
          </span>
          {asks === "rotate" && (
            <Confirm
              title={`Rotate ${webhook.id}?`}
              does="Rotate"
              kind="main"
              failed="Nothing was made"
              run={rotate}
              close={close}
            >
              A new secret is made and shown once. For a day both sign.
            </Confirm>
          )}
          {asks === "remove" && (
            <Confirm
              title={`Remove ${webhook.id}?`}
              does="Remove"
              kind="danger"
              failed="Not removed: alerts still go there"
              run={remove}
              close={close}
            >
              No alert goes there any more, and what waits for it is given up.
            </Confirm>
          )}
          {answer !== null && (
            <p role="status">
              {answer.delivered ? (
                <Badge tone="plain" sign="✓">{`delivered in ${answer.ms} ms`}</Badge>
              ) : (
                <>
                  <Badge tone="bad">{answer.outcome}</Badge>{" "}
                  <Foreign text={answer.detail ?? ""} cut={200} />
                </>
              )}
            </p>
          )}
          {action.problem !== null && <p class="error">{action.problem.detail}</p>}
        </>,
      ]}
    />
  );
}
