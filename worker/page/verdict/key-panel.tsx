/** Which key is trusted for a log and since when, what is remembered of it, and how to trust one that came another way. */
import { useState } from "preact/hooks";
import { Badge } from "../parts/badge.tsx";
import { Copy } from "../parts/copy.tsx";
import { Panel } from "../parts/states.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import type { LogItem } from "../state/answers.ts";
import { logPath } from "../state/api.ts";
import { useJson } from "../state/load.ts";
import { forget, memoryOf, pin, sizeIn } from "../state/remembered.ts";
import { formatCount } from "../state/time.ts";
import { run } from "../state/verifier.ts";

/** As `storage/log/vkey.ts` writes them; whether the key id fits is seen when it is used. */
export const VKEY = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/;

export function KeyPanel({ log }: { readonly log: string }) {
  // A check may have met another key than the one that was named before.
  const facts = useJson<LogItem>(logPath(log), null, run.value?.status);
  const memory = memoryOf(log);
  const said = facts.value?.vkey ?? null;
  const isOther = memory !== null && said !== null && !memory.vkeys.includes(said);
  return (
    <Panel title="Key and memory" id="key-and-memory">
      {memory === null ? (
        <p>
          <Badge tone="warn">trust on first use</Badge> Nothing is remembered of this log yet. The
          first check trusts the key that the server names; a rewrite of the whole log with a stolen
          key cannot be seen at a first visit.
        </p>
      ) : (
        <p>
          <Badge tone={memory.pinned ? "plain" : "warn"}>
            {memory.pinned ? "pinned by you" : "trust on first use"}
          </Badge>{" "}
          since <Time at={memory.since} />.{" "}
          {memory.note !== null && memory.at !== null && (
            <>
              Remembered: {formatCount(sizeIn(memory.note))} entries, proven here{" "}
              <Time at={memory.at} relative />.
            </>
          )}
        </p>
      )}
      {isOther && (
        <p class="note bad">
          The server names another key than the one that is trusted here. If the operator has
          replaced the log key, and told you so another way, pin the new one.
        </p>
      )}
      <KeyLine what="Trusted here" keys={memory?.vkeys ?? []} />
      <KeyLine what="Server says" keys={said === null ? [] : [said]} />
      <PinForm log={log} />
      {memory !== null && (
        <button type="button" class="danger" onClick={() => forget(log)}>
          Forget what is remembered
        </button>
      )}
    </Panel>
  );
}

function KeyLine({ what, keys }: { readonly what: string; readonly keys: readonly string[] }) {
  return (
    <>
      {keys.map((key) => (
        <p key={key} class="key-line">
          <span class="muted">{what}</span>{" "}
          <code>
            <Foreign text={key} />
          </code>{" "}
          <Copy text={key} label={`Copy the key: ${what}`} />
        </p>
      ))}
    </>
  );
}

function PinForm({ log }: { readonly log: string }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const key = text.trim();
    setWrong(!VKEY.test(key));
    if (!VKEY.test(key)) return;
    pin(log, key);
    setText("");
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for="pin">
        Pin a verifier key that came another way (on the machine: data/vkeys/{log}.vkey)
      </label>
      <span class="row">
        <input
          id="pin"
          class="wide mono"
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">Pin</button>
      </span>
      {isWrong && (
        <span class="error" role="alert">
          Not a verifier key: name+8 hex digits+base64
        </span>
      )}
    </form>
  );
}
