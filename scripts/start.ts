/**
 * `npm start`: the whole instance in the foreground until Ctrl-C or SIGTERM. Progress goes to standard
 * error; standard output gets the ready line and a command to try.
 */
import { relative } from "node:path";
import { type Config, ConfigError, readCommand } from "./config.ts";
import { DataFolder, DataFolderInUse } from "./parts/data-folder.ts";
import { curlOptions, openWarning } from "./parts/listener.ts";
import { TlsKeeper } from "./parts/tls-keeper.ts";
import { type Identity, loadIdentity } from "./parts/identity.ts";
import { type Instance, startInstance } from "./parts/worker-instance.ts";

/** What a start still has to do behind the first entries is given a moment before anything is called wrong. */
const SETTLE_MS = 3_000;
const SETTLE_PAUSE_MS = 50;

const say = (message: string): void => void process.stderr.write(`${message}\n`);

// Handlers come before anything that would have to be stopped.
// A Ctrl-C comes twice under npm, from the terminal and from npm, so a second one hurries nothing.
const stopAsked = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => resolve());
});
// Whoever read the output may go away (`npm start | head`); the instance stays.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

process.exit(await main());

async function main(): Promise<number> {
  try {
    const { config, words } = readCommand();
    if (words.length > 0)
      throw new ConfigError("Command line:", `"${words[0]}" means nothing here.`);
    const tls = config.tls && new TlsKeeper({ files: config.tls, say });
    const warning = openWarning(config);
    if (warning) say(warning);
    const data = await DataFolder.open(config.dataDir, say, config.keysDir);
    try {
      return await run(config, data, tls);
    } finally {
      await data.close();
    }
  } catch (error) {
    say((error as Error).message);
    return error instanceof ConfigError || error instanceof DataFolderInUse ? 2 : 1;
  }
}

async function run(config: Config, data: DataFolder, tls: TlsKeeper | null): Promise<number> {
  const identity = await loadIdentity(data, config.origin);
  let instance: Instance | null;
  try {
    instance = await Promise.race([
      startInstance(config, data, identity, tls, say),
      stopAsked.then(() => null),
    ]);
  } catch (error) {
    await data.endParts();
    throw error;
  }
  if (!instance) {
    say("Stopped before it was ready.");
    await data.endParts();
    return 1;
  }
  const { failed } = instance;
  const reason = await Promise.race([
    stopAsked.then(() => null),
    failed,
    announceWhenReady(instance, config, data, identity, tls).then(() => failed),
  ]).catch((error: Error) => error);
  if (reason) say(reason.message);
  else say("Stopping: sealing what waits.");
  await instance.stop();
  say("Stopped.");
  return reason ? 1 : 0;
}

async function announceWhenReady(
  instance: Instance,
  config: Config,
  data: DataFolder,
  identity: Identity,
  tls: TlsKeeper | null,
): Promise<void> {
  const state = await settledState(instance);
  const folder = displayPath(data.dir);
  if (identity.isNew) sayOnce(config, displayPath(data.keysDir));
  if (state.state !== "ready") say(`It is ${state.state}: ${state.detail ?? "see /readyz"}`);
  const link = await instance.link().catch((error: Error) => error.message);
  const event = JSON.stringify({ action: "invoice.paid", actor: { id: "alice" } });
  const options = ["-sS", ...curlOptions(config, tls?.current).map(quote)];
  process.stdout.write(
    `Indelible is ready: ${instance.url}\n\n` +
      "Open the page (signs in once, within 15 minutes; npm run link prints another):\n\n" +
      `  ${link}\n\n` +
      "Send an event to the log demo:\n\n" +
      `  curl ${options.join(" ")} ${instance.url}/v1/logs/demo/entries \\\n` +
      `    -H "Authorization: Bearer $(cat ${quote(`${folder}/tokens/demo`)})" \\\n` +
      `    -H "Content-Type: application/json" -d '${event}'\n\n`,
  );
}

interface ReadyState {
  readonly state: string;
  readonly detail?: string;
}

async function settledState(instance: Instance): Promise<ReadyState> {
  for (const startMs = Date.now(); ;) {
    const state = (await instance.ready()).body as ReadyState;
    if (state.state === "ready" || Date.now() - startMs > SETTLE_MS) return state;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS));
  }
}

/** What a person must hear at the first start. */
function sayOnce(config: Config, keys: string): void {
  say("Keep copies of these elsewhere; without them the logs cannot be continued or read:");
  say(`  ${keys}/log.key         signs every sealed checkpoint`);
  if (!config.s3) {
    say(`  ${keys}/minio-kms.json  decrypts every object in the local MinIO`);
    say(
      `The instance's own logs are locked for ${config.systemRetentionDays} day(s); ` +
        "set INDELIBLE_SYSTEM_RETENTION_DAYS for more.",
    );
  }
}

/** As a person would type it where npm was called. */
function displayPath(path: string): string {
  const short = relative(process.env.INIT_CWD ?? process.cwd(), path);
  return short.startsWith("..") || short === "" ? path : short;
}

/** For a shell, inside double quotes and `$()`. */
function quote(path: string): string {
  return /^[\w./+@:-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
