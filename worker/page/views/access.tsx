/** Who has access: tokens, who is signed in here, and where alerts go. */
import { Sessions } from "../access/sessions.tsx";
import { Tokens } from "../access/tokens.tsx";
import { Webhooks } from "../access/webhooks.tsx";

export function Access() {
  return (
    <>
      <h1>Access</h1>
      <Tokens />
      <Sessions />
      <Webhooks />
    </>
  );
}
