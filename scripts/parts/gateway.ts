/** The gateway's workerd: one small worker, one socket, one store behind it, nothing kept. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { type Part, startPart, untilReady } from "./part.ts";
import { workerdBinary } from "./workerd.ts";

const START_LIMIT_MS = 30_000;

export interface GatewayOptions {
  /** Gets the program and its configuration; replaced at each start. */
  readonly dir: string;
  /** `host:port`. */
  readonly listen: string;
  /** The store's URL. */
  readonly upstream: string;
  readonly onLine?: (line: string) => void;
  /** Added to the environment: how a part is found whose supervisor was killed. */
  readonly mark?: Readonly<Record<string, string>>;
  readonly onSpawn?: (part: Part) => Promise<void>;
}

export interface Gateway {
  readonly part: Part;
  readonly port: number;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { dir } = options;
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await build({
    entryPoints: ["worker/gateway/index.ts"],
    outfile: join(dir, "gateway.js"),
    bundle: true,
    format: "esm",
    logLevel: "silent",
  });
  const config = join(dir, "workerd.capnp");
  await writeFile(config, writeConfig(options));
  let port = 0;
  const part = await startPart({
    name: "gateway",
    command: workerdBinary(),
    args: ["serve", "--control-fd=3", config],
    env: { ...options.mark },
    onControlLine: (line) => {
      const event = JSON.parse(line) as { event: string; port?: number };
      if (event.event === "listen") port = event.port!;
    },
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
  try {
    await options.onSpawn?.(part);
    await untilReady(part, async () => port !== 0, START_LIMIT_MS);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { part, port };
}

/** An `external` service gets each request with the Host that its sender wrote and signed, whatever the store is called. */
function writeConfig({ listen, upstream }: GatewayOptions): string {
  const url = new URL(upstream);
  const secure = url.protocol === "https:";
  const address = url.port === "" ? `${url.hostname}:${secure ? 443 : 80}` : url.host;
  const options = secure
    ? `https = (options = (), certificateHost = ${text(url.hostname)}, tlsOptions = (trustBrowserCas = true))`
    : "http = ()";
  return `# Written at each start; changes made here are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "store", external = (address = ${text(address)}, ${options})),
    (name = "internet", network = (allow = [])),
  ],
  sockets = [(name = "s3", address = ${text(listen)}, http = (), service = "gateway")],
);

const gateway :Workerd.Worker = (
  modules = [(name = "gateway.js", esModule = embed "gateway.js")],
  compatibilityDate = "2026-04-01",
  bindings = [(name = "UPSTREAM", service = "store")],
);
`;
}

/** JSON strings are Cap'n Proto strings. */
const text = (value: string): string => JSON.stringify(value);
