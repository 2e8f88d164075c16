/**
 * Long answers: one piece for each pull of the client, so whoever reads slowly costs no memory and holds nothing open. The first piece is
 * made before the answer begins, so what can fail at once is a problem document; later the stream breaks off, which
 * HTTP shows as an incomplete body. It does so as well when the reader's right ends meanwhile.
 */
import type { Shown } from "../storage/flow/access-events.ts";
import { answer, type Headers } from "./answer.ts";
import type { Ask } from "./ask.ts";
import { asProblem, isOurFault } from "./problem.ts";
import { StreamEnd } from "./stream-end.ts";

/** A stream may last for hours: its reader's right is looked at this often. */
const ADMIT_AGAIN_MS = 1_000;

/** `sent` says what was given so far, for the record of a stream that breaks off; null where nobody has to know. */
export async function answerStream(
  ask: Ask,
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
  headers: Headers,
  sent: (() => Shown) | null,
): Promise<Response> {
  let piece = await pieces.next();
  const end = sent === null ? null : endOf(ask, sent);
  const goOn = admittedEach(ADMIT_AGAIN_MS, ask);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        end?.working();
        if (piece.done === true) return controller.close();
        controller.enqueue(piece.value);
        try {
          await goOn();
          piece = await pieces.next();
        } catch (error) {
          const problem = asProblem(error);
          if (isOurFault(problem)) ask.services.report(ask.requestId, problem);
          end?.early();
          throw problem;
        }
        if (piece.done !== true) return end?.pulled();
        end?.whole();
        controller.close();
      },
      async cancel() {
        end?.early();
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
  return answer(ask.requestId, 200, body, headers);
}

/** Watches an export, and puts on record how far it came where it does not come to its end. */
function endOf({ request, services, read }: Ask, sent: () => Shown): StreamEnd {
  const end = new StreamEnd(request.signal, () => read.brokeOff(sent()));
  services.later(end.over);
  return end;
}

/** A call that meets the route's rule anew where the last time was so long ago. */
function admittedEach(everyMs: number, { admitAgain, services }: Ask): () => Promise<void> {
  let lastMs = services.nowMs();
  return async () => {
    if (services.nowMs() - lastMs < everyMs) return;
    await admitAgain();
    lastMs = services.nowMs();
  };
}
