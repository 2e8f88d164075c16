/** Where alerts go, how that went, and a button that sends a test. Making and changing them is for the API. */
import { useState } from "preact/hooks";
import { Badge } from "../parts/badge.tsx";
import { Failed, Panel, Waiting } from "../parts/states.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { getJson, send } from "../state/api.ts";
import { useLoad } from "../state/load.ts";

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

export function Webhooks() {
  const { value, problem, reload } = useLoad("webhooks", (signal) =>
    getJson<{ webhooks: readonly WebhookFact[] }>("/v1/webhooks", signal),
  );
  return (
    <Panel title="Where alerts go" id="webhooks">
      {problem !== null &&
        (problem.status === 403 ? (
          <p class="muted">For administrators of all logs.</p>
        ) : (
          <Failed problem={problem} retry={reload} />
        ))}
      {value === null && problem === null && <Waiting rows={2} />}
      {value !== null && value.webhooks.length === 0 && (
        <p>
          <Badge tone="warn">Nobody is told</Badge> A finding would stand here and in the log only.
          A webhook is made with <code>POST /v1/webhooks</code>; e-mail and commands stand in the
          configuration.
        </p>
      )}
      {value !== null && value.webhooks.length > 0 && (
        <table class="cards">
          <thead>
            <tr>
              <th scope="col">To</th>
              <th scope="col">Form</th>
              <th scope="col">Of severity</th>
              <th scope="col">State</th>
              <th scope="col">Last delivered</th>
              <th scope="col">
                <span class="heard">Test</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {value.webhooks.map((webhook) => (
              <Row key={webhook.id} webhook={webhook} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Row({ webhook }: { readonly webhook: WebhookFact }) {
  const action = useAction();
  const [answer, setAnswer] = useState<TestAnswer | null>(null);
  const test = () =>
    void action.run(
      async () => setAnswer(await send<TestAnswer>("POST", `/v1/webhooks/${webhook.id}/test`)),
      "Tested",
    );
  return (
    <tr>
      <th scope="row" data-name="To">
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
        </span>
      </th>
      <td data-name="Form">{webhook.format}</td>
      <td data-name="Of severity">{webhook.severity}</td>
      <td data-name="State">
        <span>
          <Badge tone={webhook.state === "active" ? "plain" : "warn"}>{webhook.state}</Badge>
          {webhook.waiting > 0 && ` ${webhook.waiting} waiting`}
          {webhook.dead > 0 && (
            <>
              {" "}
              <Badge tone="bad">{`${webhook.dead} not delivered`}</Badge>
            </>
          )}
        </span>
      </td>
      <td data-name="Last delivered">
        {webhook.last_delivered === null ? "never" : <Time at={webhook.last_delivered} />}
      </td>
      <td>
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
      </td>
    </tr>
  );
}
