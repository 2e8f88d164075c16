/**
 * A real sqld for tests of the index: its own folder and ports, started by the code that `npm start`
 * uses. The database is empty: whoever needs the schema migrates with `ddlToken`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSqldKeys, sqldPorts, startSqldServer } from "../../scripts/parts/sqld.ts";
import { killAtExit } from "./kill-at-exit.ts";

export interface TestSqld {
  readonly url: string;
  readonly authToken: string;
  readonly ddlToken: string;
  readonly readToken: string;
  readonly dataDir: string;
  /** The process now running; another one after `restart`. */
  pid(): number;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
  /** SIGKILL; the folder stays as it is. */
  kill9(): Promise<void>;
  /** Starts it again on the same folder and port, ending it first if it still runs. */
  restart(): Promise<void>;
}

export async function startSqld(encryptionKey: string | null = null): Promise<TestSqld> {
  const dataDir = await mkdtemp(join(tmpdir(), "indelible-sqld-"));
  const options = {
    dir: join(dataDir, "libsql"),
    keys: await makeSqldKeys(),
    ports: await sqldPorts(),
    encryptionKey,
  };
  const start = async () => {
    const started = await startSqldServer(options);
    killAtExit(started.part);
    return started;
  };
  let server = await start();
  return {
    url: server.url,
    authToken: options.keys.authToken,
    ddlToken: options.keys.ddlToken,
    readToken: options.keys.readToken,
    dataDir,
    pid: () => server.part.pid,
    stop: async () => {
      await server.part.stop();
      await rm(dataDir, { recursive: true });
    },
    kill9: async () => {
      await server.part.kill9();
    },
    restart: async () => {
      await server.part.stop();
      server = await start();
    },
  };
}
