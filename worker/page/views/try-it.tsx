/**
 * From a first entry to a caught cheat: append, seal, verify, cheat, verify again, repair. The attacker is no part of this server:
 * the supervisor runs one beside it where an instance is tried out. Elsewhere one character of a copy in memory is changed.
 */
import { useState } from "preact/hooks";
import { Badge } from "../parts/badge.tsx";
import { Copy } from "../parts/copy.tsx";
import { Link } from "../parts/link.tsx";
import { Foreign } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { announce } from "../state/announce.ts";
import { curlOf, logPath, send } from "../state/api.ts";
import { hrefOf } from "../state/place.ts";
import { currentLog, may, session } from "../state/session.ts";
import { formatCount } from "../state/time.ts";
import { run, startRun } from "../state/verifier.ts";
import { Step, type StepProps } from "../try/step.tsx";
import { WAYS, type CheatReport } from "../try/cheats.ts";
import { RunPanel } from "../verdict/run-panel.tsx";

const EXAMPLE = JSON.stringify(
  {
    action: "invoice.paid",
    actor: { id: "alice", type: "user" },
    targets: [{ id: "invoice-42", type: "invoice" }],
    details: { amount: "1200.00", currency: "EUR" },
  },
  null,
  2,
);

interface Appended {
  readonly first: number | null;
  readonly entries: readonly { readonly seq: number; readonly hash: string }[];
}

const LAST = 6;

export function TryIt() {
  const cheats = session.value?.cheats ?? null;
  const log = cheats?.log ?? currentLog.value ?? "demo";
  if (!may(log, "writer")) {
    return (
      <>
        <h1>Try it</h1>
        <p>
          Your token does not write to <Foreign text={log} />, so there is nothing to try out with
          it.
        </p>
      </>
    );
  }
  return <Steps log={log} canCheat={cheats !== null && may(log, "admin")} key={log} />;
}

function Steps({ log, canCheat }: { readonly log: string; readonly canCheat: boolean }) {
  const [at, setAt] = useState(1);
  const [body, setBody] = useState(EXAMPLE);
  const [entry, setEntry] = useState<Appended["entries"][number] | null>(null);
  const [report, setReport] = useState<CheatReport | null>(null);
  const [repaired, setRepaired] = useState<CheatReport | null>(null);
  const action = useAction();
  const path = logPath(log);
  const seq = entry?.seq ?? 0;
  const check = run.value?.log === log ? run.value : null;
  const isChecked = check?.status === "done";
  const holds = isChecked && check.verdict?.badge === "Verified here";

  const append = () =>
    action.run(async () => {
      const { entries } = await send<Appended>("POST", `${path}/entries`, body);
      setEntry(entries[0] ?? null);
      setAt(2);
    }, "Appended");
  const seal = () =>
    action.run(async () => {
      await send("POST", `${path}/seal`);
      setAt(3);
    }, "Sealed");
  const verify = (next: number) => {
    startRun(log, { kind: "everything" });
    setAt(next);
  };
  const cheat = (way: string) =>
    action.run(async () => {
      const done = await send<CheatReport>("POST", `${path}/cheats`, { way, seq });
      setReport(done);
      if (!done.refused) setAt(5);
      announce(done.refused ? "Refused" : "Done");
    });
  const flip = () => {
    setReport({
      did: ["one character changed, in a copy in this browser"],
      refused: false,
      said: "nothing was sent",
    });
    startRun(log, { kind: "everything" }, seq);
    setAt(6);
  };
  const repair = (next: number) =>
    action.run(async () => {
      setRepaired(await send<CheatReport>("POST", `${path}/cheats`, { way: "repair", seq }));
      verify(next);
    }, "Repaired");
  const repairButton = (next: number) => (
    <button
      type="button"
      class="main"
      disabled={action.isBusy || !isChecked}
      onClick={() => void repair(next)}
    >
      Repair from the vault
    </button>
  );
  const panel = check !== null && (
    <>
      <RunPanel run={check} />
      {check.status === "failed" && (
        <button type="button" onClick={() => verify(at)}>
          Verify again
        </button>
      )}
    </>
  );

  const step = (number: number): Pick<StepProps, "number" | "state" | "problem"> => ({
    number,
    state: at > number ? "done" : at === number ? "now" : "waits",
    problem: at === number ? action.problem : null,
  });
  const curl = curlOf(log, body.replaceAll(/\s*\n\s*/g, ""));

  return (
    <>
      <h1>Try it</h1>
      <p class="lead">
        Write something down, put it under lock, then try to change it, and see who notices. Two
        minutes, in the log{" "}
        <strong>
          <Foreign text={log} />
        </strong>
        .
      </p>
      <ol class="steps-list">
        <Step {...step(1)} title="Append">
          {at === 1 ? (
            <>
              <label for="event">An event; change it as you like</label>
              <textarea
                id="event"
                rows={12}
                value={body}
                spellcheck={false}
                onInput={(event) => setBody(event.currentTarget.value)}
              />
              <p class="row">
                <button
                  type="button"
                  class="main"
                  disabled={action.isBusy}
                  onClick={() => void append()}
                >
                  Append it
                </button>
                <Copy text={curl} what="Copy it as curl" />
              </p>
            </>
          ) : (
            <p>
              It is{" "}
              <Link
                href={hrefOf({ name: "entries", log, seq })}
              >{`entry ${formatCount(seq)}`}</Link>
              , with the leaf <code class="cut">{entry?.hash}</code>: committed to disk, and
              promised by a receipt.
            </p>
          )}
        </Step>
        <Step {...step(2)} title="Seal">
          {at === 2 ? (
            <>
              <p>
                It would happen by itself within seconds. Sealing signs the log as it is and puts
                its entries under a lock that nobody can lift.
              </p>
              <button
                type="button"
                class="main"
                disabled={action.isBusy}
                onClick={() => void seal()}
              >
                Seal now
              </button>
            </>
          ) : (
            <p>
              Under lock in the store: see <Link href={hrefOf({ name: "seals", log })}>Seals</Link>{" "}
              for its mode, its end and its version.
            </p>
          )}
        </Step>
        <Step {...step(3)} title="Verify">
          {at === 3 ? (
            <>
              <p>
                Not this server, this browser: it fetches the sealed objects and the index, and
                hashes every entry itself.
              </p>
              <button type="button" class="main" onClick={() => verify(4)}>
                Verify here
              </button>
            </>
          ) : at === 4 ? (
            panel
          ) : (
            <p>It held.</p>
          )}
        </Step>
        <Step {...step(4)} title="Cheat">
          {at === 4 ? (
            <>
              {isChecked && !holds && (
                <p class="note warn">
                  Something does not match already, perhaps since an earlier try. Begin with a log
                  that holds.
                </p>
              )}
              {isChecked && !holds && canCheat ? (
                repairButton(4)
              ) : canCheat ? (
                <>
                  <p>
                    Be somebody who wants entry {formatCount(seq)} to say something else. The
                    attacker runs beside this server, with the keys of the database and the store.
                  </p>
                  <ul class="ways">
                    {WAYS.map(({ way, title, who }) => (
                      <li key={way}>
                        <button
                          type="button"
                          disabled={action.isBusy || !holds}
                          onClick={() => void cheat(way)}
                        >
                          {title}
                        </button>
                        <span class="muted">{who}</span>
                      </li>
                    ))}
                    <li>
                      <button type="button" disabled={!holds} onClick={flip}>
                        Flip one character
                      </button>
                      <span class="muted">
                        in a copy in this browser: needs no attacker, and changes nothing here
                      </span>
                    </li>
                  </ul>
                </>
              ) : (
                <>
                  <p>
                    There is no attacker here: one is there only where an instance is tried out on
                    one’s own machine. You can change one character of a copy in this browser;{" "}
                    <code>npm run tamper-demo</code> shows real attacks on a throw-away instance.
                  </p>
                  <button type="button" class="main" disabled={!holds} onClick={flip}>
                    Flip one character
                  </button>
                </>
              )}
              {report?.refused && <Report report={report} />}
            </>
          ) : (
            report !== null && <Report report={report} />
          )}
        </Step>
        <Step {...step(5)} title="Verify again">
          {at === 5 ? (
            <>
              <p>
                Nothing looks different: the same page, the same entry number. Ask this browser
                again.
              </p>
              <button type="button" class="main" onClick={() => verify(6)}>
                Verify again
              </button>
            </>
          ) : (
            at === 6 && panel
          )}
          {at > 6 && <p>Caught: the sealed object still says what the index does not.</p>}
        </Step>
        <Step {...step(6)} title="Repair">
          {at === 6 ? (
            check?.flip !== null ? (
              <>
                <p>Nothing is to be repaired: only the copy was changed.</p>
                <button
                  type="button"
                  class="main"
                  disabled={!isChecked}
                  onClick={() => verify(LAST + 1)}
                >
                  Verify without the change
                </button>
              </>
            ) : (
              <>
                <p>
                  The index can be edited; the vault cannot. So the sealed lines are fetched from
                  there, by version, and put back.
                </p>
                {repairButton(LAST + 1)}
              </>
            )
          ) : (
            <>
              {repaired !== null && <p class="note">{repaired.said}.</p>}
              {panel}
            </>
          )}
        </Step>
      </ol>
      {at > LAST && holds && (
        <End
          log={log}
          again={() => {
            setAt(1);
            setEntry(null);
            setReport(null);
            setRepaired(null);
          }}
        />
      )}
    </>
  );
}

function Report({ report: { did, refused, said } }: { readonly report: CheatReport }) {
  return (
    <div class={`note ${refused ? "" : "warn"}`}>
      <pre>{did.join("\n")}</pre>
      <p>
        {refused ? (
          <Badge tone="plain" sign="✕">
            refused
          </Badge>
        ) : (
          <Badge tone="warn">it worked</Badge>
        )}{" "}
        <Foreign text={said} cut={500} />
      </p>
      {refused && <p class="muted">That way is closed. Try another one.</p>}
    </div>
  );
}

const COMMANDS = ["npm run verify", "npm run guard", "npm run tamper-demo", "npm run restore"];

function End({ log, again }: { readonly log: string; readonly again: () => void }) {
  return (
    <section class="panel" aria-labelledby="end">
      <header>
        <h2 id="end">You cheated, and it was noticed</h2>
      </header>
      <p>
        The lock kept the original, the signature and the tree named the place, and your browser
        worked it out by itself. What is not caught here: a history written anew with a stolen key,
        shown to somebody who comes for the first time.
      </p>
      <p>From a terminal, also on another machine:</p>
      <pre class="command">{COMMANDS.join("\n")}</pre>
      <p class="row">
        <Copy text={COMMANDS.join("\n")} what="Copy" />
        <Link class="button" href={hrefOf({ name: "verify" }, { log })}>
          Go to Verify
        </Link>
        <button type="button" onClick={again}>
          Once more
        </button>
      </p>
    </section>
  );
}
