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
  readonly searchToken: string;
  readonly dataDir: string;
  /** The process now running; another one after `restart`. */
  pid(): number;
  /** Sets how its commits are kept, as whoever has the administrator's key can. */
  setDurability(mode: "strong" | "relaxed"): Promise<void>;
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
    searchToken: options.keys.searchToken,
    dataDir,
    pid: () => server.part.pid,
    setDurability: async (mode) => {
      const [namespace] = new URL(server.url).hostname.split(".");
      const config = `http://127.0.0.1:${options.ports[1]}/v1/namespaces/${namespace}/config`;
      const authorization = `basic ${options.keys.adminKey}`;
      const found = (await (await fetch(config, { headers: { authorization } })).json()) as object;
      const answer = await fetch(config, {
        method: "POST",
        headers: { authorization, "content-type": "application/json" },
        body: JSON.stringify({ ...found, durability_mode: mode }),
      });
      if (!answer.ok) throw new Error(`sqld did not set it: ${await answer.text()}`);
    },
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
