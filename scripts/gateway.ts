/**
 * `npm run gateway`: stands before a MinIO that others administer too (INDELIBLE_GATEWAY_UPSTREAM), and lets nothing
 * through that could touch a locked version. Instances and auditors take its address for the store's
 * (INDELIBLE_S3_ENDPOINT). In the foreground until Ctrl-C or SIGTERM; it keeps nothing.
 */
import { join } from "node:path";
import { type Config, ConfigError, readCommand } from "./config.ts";
import { DataFolder, DataFolderInUse } from "./parts/data-folder.ts";
import { startGateway, type Gateway } from "./parts/gateway.ts";
import { Supervisor } from "./parts/supervise.ts";

const say = (message: string): void => void process.stderr.write(`${message}\n`);

const stopAsked = new Promise<null>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => resolve(null));
});
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

process.exit(await main());

async function main(): Promise<number> {
  try {
    const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...process.env };
    const { config, words } = readCommand(process.argv.slice(2), env);
    if (words.length > 0)
      throw new ConfigError("Command line:", `"${words[0]}" means nothing here.`);
    const { upstream } = config.gateway;
    if (upstream === null) {
      throw new ConfigError("INDELIBLE_GATEWAY_UPSTREAM", "is missing: the store to stand before.");
    }
    const folder = await DataFolder.open(join(config.dataDir, "gateway"), say);
    try {
      return await run(config, upstream, folder);
    } finally {
      await folder.endParts();
      await folder.close();
    }
  } catch (error) {
    say((error as Error).message);
    return error instanceof ConfigError || error instanceof DataFolderInUse ? 2 : 1;
  }
}

async function run({ gateway }: Config, upstream: string, folder: DataFolder): Promise<number> {
  const { host } = gateway.listen;
  let { port } = gateway.listen;
  const start = (): Promise<Gateway> =>
    startGateway({
      dir: folder.path("worker"),
      listen: `${host}:${port}`,
      upstream,
      mark: folder.partMark,
      onLine: (line) => say(`gateway | ${line}`),
      onSpawn: (part) => folder.recordPart("gateway", part.pid),
    });
  const started = await start();
  // Port 0 asked for any; a restart listens where the first did.
  port = started.port;
  const supervisor = new Supervisor({ say, onRestart: () => {} });
  const restart = async () => (await start()).part;
  supervisor.watch({ name: "gateway", part: started.part, start: restart });
  process.stdout.write(`The gateway is ready: http://${host}:${port} before ${upstream}\n`);
  const failure = await Promise.race([stopAsked, supervisor.failed]);
  if (failure !== null) say(failure.message);
  await supervisor.stop("gateway");
  return failure === null ? 0 : 1;
}
