/**
 * `npm run link [-- --data DIR]`: a link that opens the page signed in, of an instance that runs here: once, within 15 minutes,
 * with the rights of the tokens `admin` and `demo`. For the owner of the data folder; a token opens the page as well.
 */
import { ConfigError, readCommand } from "./config.ts";
import { linkTo } from "./parts/page-link.ts";
import { Operator, readOperator } from "./parts/operator.ts";
import { readTokenIdentities } from "./parts/identity.ts";
import { readRunning } from "./parts/data-folder.ts";

try {
  const { config, words } = readCommand();
  if (words.length > 0) throw new ConfigError("Command line:", `"${words[0]}" means nothing here.`);
  const access = await readOperator(config.dataDir);
  const url = readRunning(config.dataDir)?.url;
  const tokens = await readTokenIdentities(config.dataDir);
  if (!access || !url || !tokens) {
    throw new Error(`No instance runs on ${config.dataDir}: npm start prints a link by itself.`);
  }
  console.log(await linkTo(new Operator(access.port, access.secret), url, tokens));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
