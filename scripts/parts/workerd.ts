/**
 * The worker: workerd with the bundled program, a configuration written at this start, and secrets in its
 * environment. It runs from copies in the data folder, so that nothing it has open changes under it.
 */
import { createRequire } from "node:module";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HTTP_SOCKET, OPERATOR_SOCKET, writeCapnp } from "./capnp.ts";
import { type Part, startPart, untilReady } from "./part.ts";

/** From start to both sockets took 0.3 s with the whole program. */
const START_LIMIT_MS = 30_000;

export interface WorkerdOptions {
  /** The bundle that `bundleWorker` made. */
  readonly bundleDir: string;
  /** Gets the program and its configuration; replaced at each start. */
  readonly dir: string;
  readonly storageDir: string;
  /** Where the worker puts verifier keys. */
  readonly vkeysDir: string;
  /** `host:port` of the public socket. */
  readonly listen: string;
  /** `null`: the public socket speaks plain HTTP. */
  readonly tls: { readonly certificateChain: string; readonly privateKey: string } | null;
  /** Whether what is called by configuration may be on loopback or a private address. */
  readonly privateAllowed: boolean;
  readonly vars: Readonly<Record<string, string>>;
  /** Services on loopback that the worker calls, `host:port` by the name of their binding. */
  readonly externals?: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** The worker's own log lines. */
  readonly onLine?: (line: string) => void;
  /** Added to the environment: how a part is found whose supervisor was killed. */
  readonly mark?: Readonly<Record<string, string>>;
  /** Called when the process has its pid, before anything waits for it. */
  readonly onSpawn?: (part: Part) => Promise<void>;
}

export interface WorkerdServer {
  readonly part: Part;
  readonly port: number;
  readonly operatorPort: number;
}

export async function startWorkerd(options: WorkerdOptions): Promise<WorkerdServer> {
  await prepare(options);
  const ports = new Map<string, number>();
  const part = await startPart({
    name: "workerd",
    command: workerdBinary(),
    args: ["serve", "--control-fd=3", join(options.dir, CONFIG)],
    env: { ...options.mark, ...options.secrets },
    onControlLine: (line) => {
      const event = JSON.parse(line) as { event: string; socket?: string; port?: number };
      if (event.event === "listen") ports.set(event.socket!, event.port!);
    },
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
  try {
    await options.onSpawn?.(part);
    await untilReady(part, async () => ports.size === 2, START_LIMIT_MS);
  } catch (error) {
    await part.stop();
    throw error;
  } finally {
    // It has read its files: the key's only lasting copy is the operator's.
    await rm(join(options.dir, TLS_FILES.keyFile), { force: true });
  }
  return { part, port: ports.get(HTTP_SOCKET)!, operatorPort: ports.get(OPERATOR_SOCKET)! };
}

const CONFIG = "workerd.capnp";
const TLS_FILES = { certFile: "tls.crt", keyFile: "tls.key" };

async function prepare(options: WorkerdOptions): Promise<void> {
  await rm(options.dir, { recursive: true, force: true });
  await cp(options.bundleDir, options.dir, { recursive: true });
  for (const dir of [options.storageDir, options.vkeysDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  }
  const config = writeCapnp({
    wranglerToml: await readFile("wrangler.toml", "utf8"),
    files: await readdir(options.bundleDir),
    vars: options.vars,
    secrets: Object.keys(options.secrets),
    disks: { VKEYS: options.vkeysDir },
    externals: options.externals ?? {},
    privateAllowed: options.privateAllowed,
    storageDir: options.storageDir,
    listen: options.listen,
    tls: options.tls && TLS_FILES,
  });
  const write = (name: string, content: string): Promise<void> =>
    writeFile(join(options.dir, name), content, { mode: 0o600 });
  if (options.tls) {
    await write(TLS_FILES.certFile, options.tls.certificateChain);
    await write(TLS_FILES.keyFile, options.tls.privateKey);
  }
  await write(CONFIG, config);
}

/**
 * The program itself. The package's `bin/workerd` is a script that starts it as a child, whose pid would
 * not be the one we know.
 */
export function workerdBinary(): string {
  const kind = `${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve("workerd/package.json"));
  const manifest = require.resolve(`@cloudflare/workerd-${kind}/package.json`);
  return join(dirname(manifest), "bin", "workerd");
}
