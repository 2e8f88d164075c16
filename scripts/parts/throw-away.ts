/** An instance that is thrown away afterwards: the real `npm start` on a folder and free ports of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const READY = /^Indelible is ready: (\S+)$/;
/** Last lines that are shown where it does not come up. */
const LINES_SHOWN_MAX = 10;

export interface ThrowAway {
  readonly url: string;
  readonly dataDir: string;
  /** The administrator's token. */
  readonly admin: string;
  readonly secondsToReady: number;
  /** Stops it in order; the folder stays. */
  stop(): Promise<void>;
}

/** `purpose`: a word for the folder's name. */
export function newDataDir(purpose: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `indelible-${purpose}-`));
}

export function removeDataDir(dataDir: string): Promise<void> {
  return rm(dataDir, { recursive: true, force: true });
}

/** TLS would only be in the way; empty settings are none. */
const PLAIN = { INDELIBLE_TLS_CERT: "", INDELIBLE_TLS_KEY: "" };

/** Throws with the instance's last lines if it ends before it is ready. */
export async function startThrowAway(
  dataDir: string,
  env: Readonly<Record<string, string>>,
  inherited: NodeJS.ProcessEnv = process.env,
): Promise<ThrowAway> {
  const startMs = performance.now();
  const child = spawn(process.execPath, ["scripts/run.mjs", "start"], {
    env: {
      ...{ ...inherited, ...PLAIN, ...env },
      INDELIBLE_DATA: dataDir,
      INDELIBLE_LISTEN: "127.0.0.1:0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > LINES_SHOWN_MAX) lines.shift();
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, found] = READY.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(lines.join("\n"))));
  });
  return {
    url,
    dataDir,
    admin: (await readFile(join(dataDir, "tokens", "admin"), "utf8")).trim(),
    secondsToReady: (performance.now() - startMs) / 1000,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** A call of the API that must succeed; its answer. */
export async function post(
  url: string,
  path: string,
  token: string,
  body: object,
): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
