/** The gateway before a store, started by the code that `npm run gateway` uses. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../../scripts/parts/gateway.ts";
import { killAtExit } from "./kill-at-exit.ts";

export interface TestGateway {
  readonly endpoint: string;
  pid(): number;
  stop(): Promise<void>;
}

export async function startTestGateway(upstream: string): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-gateway-"));
  const dir = join(folder, "worker");
  const { part, port } = await startGateway({ dir, listen: "127.0.0.1:0", upstream });
  killAtExit(part);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    pid: () => part.pid,
    stop: async () => {
      await part.stop();
      await rm(folder, { recursive: true });
    },
  };
}
