/** Signing in with a token; who opened the link that `npm start` printed never sees this. */
import { useState } from "preact/hooks";
import { sessionProblem, signIn } from "../state/session.ts";

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const field = form.elements.namedItem("token") as HTMLInputElement;
    setBusy(true);
    const ok = await signIn({ token: field.value.trim() });
    setBusy(false);
    if (ok) return;
    field.select();
  };
  return (
    <main class="sign-in" id="main">
      <h1>Sign in</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          placeholder="ind_…"
          aria-describedby="token-help"
        />
        <p id="token-help" class="muted">
          It is swapped for a cookie that no script can read, and kept nowhere else. On the machine
          itself <code>npm run link</code> prints a link that signs you in without one.
        </p>
        {sessionProblem.value !== null && (
          <p class="error" role="alert">
            {sessionProblem.value.detail}
          </p>
        )}
        <button type="submit" class="main" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
