/** A link that opens the page signed in. Its secret stands in the fragment: browsers send that nowhere, and servers log it nowhere. */
import type { Identity } from "./identity.ts";
import type { Operator } from "./operator.ts";

/** With the rights of the tokens `admin` and `demo`, as far as they still work. Throws where the worker refuses. */
export async function linkTo(
  operator: Operator,
  url: string,
  { admin, demo }: Identity["tokens"],
): Promise<string> {
  const answer = await operator.makeLink([admin.sha256, demo.sha256]);
  if (answer.status !== 201) throw new Error(answer.detail);
  return `${url}/#link=${(answer.body as { link: string }).link}`;
}
