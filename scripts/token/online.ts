/** Tokens of a running instance, through the operator's socket: its port and secret lie in the data folder, for its owner. */
import { Operator, readOperator, type OperatorAnswer } from "../parts/operator.ts";
import { DeskRefused, type Desk, type TokenRow } from "./desk.ts";

/** The desk of the worker that runs on this folder; `null` where none can be spoken to (yet, or any more). */
export async function findOnlineDesk(dataDir: string, operator: string): Promise<Desk | null> {
  const access = await readOperator(dataDir);
  if (access === null) return null;
  const worker = new Operator(access.port, access.secret);
  const isThere = await worker.tokens().then(
    ({ status }) => status !== 401 && status !== 404,
    () => false,
  );
  return isThere ? deskOf(worker, operator) : null;
}

function deskOf(worker: Operator, operator: string): Desk {
  return {
    list: async () => bodyOf<{ tokens: TokenRow[] }>(await worker.tokens()).tokens,
    create: async (token) => bodyOf(await worker.createToken({ operator, ...token })),
    rotate: async ({ id, to, overlapSeconds }) =>
      bodyOf(
        await worker.rotateToken({
          operator,
          replaces: id,
          overlap_seconds: overlapSeconds,
          ...to,
        }),
      ),
    revoke: async (id) => bodyOf(await worker.revokeToken({ operator, id })),
  };
}

function bodyOf<T>({ status, body, detail }: OperatorAnswer): T {
  if (status === 200 || status === 201) return body as T;
  throw new DeskRefused(detail);
}
