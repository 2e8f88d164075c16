/** Where alerts go, how that went, and a button that sends a test. Making and changing them is for the API. */
import { useState } from "preact/hooks";
import { Badge } from "../parts/badge.tsx";
import { Panel, Pending } from "../parts/states.tsx";
import { Row, Table } from "../parts/table.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { send } from "../state/api.ts";
import { useJson } from "../state/load.ts";

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

interface TestAnswer {
  readonly delivered: boolean;
  readonly outcome: string;
  readonly status: number | null;
  readonly detail: string | null;
  readonly ms: number;
}

const COLUMNS = ["To", "Form", "Of severity", "State", "Last delivered", ["Test", "do"]] as const;

export function Webhooks() {
  const loaded = useJson<{ webhooks: readonly WebhookFact[] }>("/v1/webhooks");
  const { value, problem } = loaded;
  return (
    <Panel title="Where alerts go" id="webhooks">
      {problem?.status === 403 ? (
        <p class="muted">For administrators of all logs.</p>
      ) : (
        <Pending of={loaded} rows={2} />
      )}
      {value !== null && value.webhooks.length === 0 && (
        <p>
          <Badge tone="warn">Nobody is told</Badge> A finding would stand here and in the log only.
          A webhook is made with <code>POST /v1/webhooks</code>; e-mail and commands stand in the
          configuration.
        </p>
      )}
      {value !== null && value.webhooks.length > 0 && (
        <Table columns={COLUMNS}>
          {value.webhooks.map((webhook) => (
            <WebhookRow key={webhook.id} webhook={webhook} />
          ))}
        </Table>
      )}
    </Panel>
  );
}

function WebhookRow({ webhook }: { readonly webhook: WebhookFact }) {
  const action = useAction();
  const [answer, setAnswer] = useState<TestAnswer | null>(null);
  const test = () =>
    void action.run(
      async () => setAnswer(await send<TestAnswer>("POST", `/v1/webhooks/${webhook.id}/test`)),
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
          <button
            type="button"
            class="small"
            disabled={action.isBusy}
            aria-label={`Test ${webhook.id}`}
            onClick={test}
          >
            Send a test
          </button>
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
