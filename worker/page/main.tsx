/** The page: who is signed in, where they are, and the view that belongs there. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { KeysPanel } from "./parts/keys-panel.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { Failed, Waiting } from "./parts/states.tsx";
import { TopBar } from "./parts/top-bar.tsx";
import { announcement } from "./state/announce.ts";
import { useKeys } from "./state/keys.ts";
import { go, hrefOf, view, type View } from "./state/place.ts";
import { currentLog, loadSession, session, sessionProblem, startSession } from "./state/session.ts";
import { clockWords, toggleZone } from "./state/time.ts";
import { Access } from "./views/access.tsx";
import { Audits } from "./views/audits.tsx";
import { Entries } from "./views/entries.tsx";
import { Overview } from "./views/overview.tsx";
import { Seals } from "./views/seals.tsx";
import { TryIt } from "./views/try-it.tsx";
import { Verify } from "./views/verify.tsx";

const TITLES: Readonly<Record<View["name"], string>> = {
  overview: "Overview",
  entries: "Entries",
  seals: "Seals",
  verify: "Verify",
  audits: "Audits",
  access: "Access",
  try: "Try it",
  unknown: "Not found",
};

function Page() {
  const [hasKeys, setHasKeys] = useState(false);
  const shown = view.value;
  useEffect(() => {
    document.title = `${TITLES[shown.name]} · Indelible`;
  }, [shown.name]);
  useKeys(
    globalKeys(() => setHasKeys((old) => !old)),
    [],
  );
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      {!isSecureContext && (
        <p class="insecure" role="note">
          Not HTTPS: anyone on the way can read and change this page. Use it only on a network that
          you trust.
        </p>
      )}
      {clockWords.value !== null && (
        <p class="insecure" role="note">
          {clockWords.value}
        </p>
      )}
      <TopBar showKeys={() => setHasKeys(true)} />
      <Content shown={shown} />
      {hasKeys && <KeysPanel close={() => setHasKeys(false)} />}
      <div class="heard" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}

function Content({ shown }: { readonly shown: View }) {
  const who = session.value;
  if (shown.name === "verify")
    return (
      <Main>
        <Verify />
      </Main>
    );
  if (who === null) {
    const { value: problem } = sessionProblem;
    return (
      <Main>
        {problem === null ? (
          <Waiting rows={6} />
        ) : (
          <Failed
            problem={problem}
            retry={() => void loadSession()}
            what="Nobody is signed in yet"
          />
        )}
      </Main>
    );
  }
  if (!who.signed_in) return <SignIn />;
  return (
    <Main>
      <Shown shown={shown} />
    </Main>
  );
}

function Main({ children }: { readonly children: preact.ComponentChildren }) {
  return (
    <main id="main" tabIndex={-1}>
      {children}
    </main>
  );
}

function Shown({ shown }: { readonly shown: View }) {
  switch (shown.name) {
    case "overview":
      return <Overview />;
    case "entries":
      return <Entries log={shown.log} seq={shown.seq} />;
    case "seals":
      return <Seals log={shown.log} />;
    case "audits":
      return <Audits />;
    case "access":
      return <Access />;
    case "try":
      return <TryIt />;
    case "verify":
    case "unknown":
      return <h1>Nothing lives at this address</h1>;
    default:
      return shown satisfies never;
  }
}

function globalKeys(toggleHelp: () => void) {
  const to = (target: () => View | null) => () => {
    const found = target();
    if (found !== null) go(hrefOf(found));
  };
  const ofLog = (name: "entries" | "seals") => (): View | null => {
    const log = currentLog.value;
    if (log === null) return null;
    return name === "seals" ? { name, log } : { name, log, seq: null };
  };
  return [
    { keys: "?", does: "Show or hide this list", run: toggleHelp },
    { keys: "u", does: "Times in UTC or in your zone", run: toggleZone },
    { keys: "g o", does: "Go to Overview", run: to(() => ({ name: "overview" })) },
    { keys: "g e", does: "Go to Entries", run: to(ofLog("entries")) },
    { keys: "g s", does: "Go to Seals", run: to(ofLog("seals")) },
    { keys: "g v", does: "Go to Verify", run: to(() => ({ name: "verify" })) },
  ];
}

void startSession();
render(<Page />, document.getElementById("page")!);
