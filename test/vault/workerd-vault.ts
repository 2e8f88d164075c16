/**
 * `Vault` by way of a real workerd: each call goes to `vault.worker.ts` running in it, which makes the same
 * call on the MinIO adapter. So the contract runs on the adapter where it will live.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { builtinModules, createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Plugin } from "esbuild";
import { VaultError } from "../../storage/ports.ts";
import type { ObjectLock, ObjectVersion, PutResult, Vault } from "../../storage/ports.ts";
import type { LockSelfTest } from "../../storage/vault/selftest.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";
import { startPart, untilReady } from "../../scripts/parts/part.ts";
import { killAtExit } from "../parts/kill-at-exit.ts";
import type { VaultCall } from "./vault.worker.ts";

export interface TestWorkerd {
  vault(config: VaultConfig): Vault;
  selfTest(config: VaultConfig): Promise<LockSelfTest>;
  stop(): Promise<void>;
}

const START_MS_MAX = 20_000;

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "main.js")],
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;

export async function startVaultWorkerd(): Promise<TestWorkerd> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-workerd-"));
  await bundle(join(folder, "main.js"));
  await writeFile(join(folder, "config.capnp"), CONFIG);
  let port = 0;
  const part = await startPart({
    name: "workerd",
    command: workerdBinary(),
    args: ["serve", "--control-fd=3", "config.capnp"],
    cwd: folder,
    env: {},
    onControlLine: (line) => {
      port = (JSON.parse(line) as { port: number }).port;
    },
  });
  killAtExit(part);
  await untilReady(part, async () => port !== 0, START_MS_MAX);
  const call = (config: VaultConfig, what: VaultCall) => send(port, config, what);
  return {
    vault: (config) => new WorkerdVault((what) => call(config, what)),
    selfTest: async (config) => (await call(config, { method: "selftest" })) as LockSelfTest,
    stop: async () => {
      await part.kill9();
      await rm(folder, { recursive: true });
    },
  };
}

class WorkerdVault implements Vault {
  readonly #call: (what: VaultCall) => Promise<unknown>;
  constructor(call: (what: VaultCall) => Promise<unknown>) {
    this.#call = call;
  }
  async put(key: string, body: Uint8Array, options: Parameters<Vault["put"]>[2]) {
    const base64 = Buffer.from(body).toString("base64");
    return (await this.#call({ method: "put", key, body: base64, options })) as PutResult;
  }
  async get(key: string, versionId: string): Promise<Uint8Array> {
    return Buffer.from(String(await this.#call({ method: "get", key, versionId })), "base64");
  }
  async lock(key: string, versionId: string): Promise<ObjectLock> {
    return (await this.#call({ method: "lock", key, versionId })) as ObjectLock;
  }
  async extendLock(key: string, versionId: string, retainUntilMs: number): Promise<void> {
    await this.#call({ method: "extendLock", key, versionId, retainUntilMs });
  }
  async *versions(prefix: string, after?: string): AsyncGenerator<ObjectVersion> {
    const call = { method: "versions", prefix, ...(after === undefined ? {} : { after }) } as const;
    yield* (await this.#call(call)) as ObjectVersion[];
  }
  async prefixes(): Promise<string[]> {
    return (await this.#call({ method: "prefixes" })) as string[];
  }
  async nowMs(): Promise<number> {
    return (await this.#call({ method: "nowMs" })) as number;
  }
}

async function send(port: number, config: VaultConfig, call: VaultCall): Promise<unknown> {
  const body = JSON.stringify({ config, call });
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
  if (!response.ok)
    throw new Error(`workerd answered ${response.status}: ${await response.text()}`);
  const answer = (await response.json()) as {
    result?: unknown;
    error?: { code: VaultError["code"]; message: string; outcome: VaultError["outcome"] };
  };
  if (answer.error)
    throw new VaultError(answer.error.code, answer.error.message, answer.error.outcome);
  return answer.result;
}

async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL("vault.worker.ts", import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2023",
    conditions: ["workerd", "worker", "import"],
    mainFields: ["module", "main"],
    plugins: [nodeModules],
    logLevel: "error",
  });
}

/**
 * workerd has Node's modules under `node:` and for `import` alone; packages also name them without, and
 * `require` them: for those a module in between imports what they want.
 */
const nodeModules: Plugin = {
  name: "node-modules",
  setup(setup) {
    const names = builtinModules.map((name) => name.replaceAll("/", "\\/")).join("|");
    setup.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, kind }) => {
      const name = path.replace(/^node:/, "");
      if (kind === "require-call") return { path: name, namespace: "node-required" };
      return { path: `node:${name}`, external: true };
    });
    setup.onLoad({ filter: /.*/, namespace: "node-required" }, ({ path }) => ({
      contents: `import it from "node:${path}"; module.exports = it;`,
    }));
  },
};

/** The program itself: the package's own entry is a Node script around it. */
function workerdBinary(): string {
  const kind = `${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve("workerd/package.json"));
  return join(dirname(require.resolve(`@cloudflare/workerd-${kind}/package.json`)), "bin/workerd");
}
