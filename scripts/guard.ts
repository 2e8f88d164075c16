/**
 * `npm run guard -- --state DIR [--vkey FILE]… [--credentials FILE] [--every SECONDS] [--instance URL] [--token FILE]
 * [--alerts FILE] [--once | --test-alert]`: checks an instance over and over from outside, on another machine if wanted,
 * with the auditor's credentials and verifier keys and nothing else of it. What it remembers and what is open lies in the
 * state folder. In the foreground until Ctrl-C or SIGTERM; with --once until everything was looked at once, exit code 0:
 * nothing is open, 1: findings, 2: it could not look. With --test-alert it sends a test by each channel of the file and does
 * nothing else; exit code 1 if one of them did not take it.
 */
import { readAsked, GuardInputError } from "./guard/asked.ts";
import { runGuard } from "./guard/guard.ts";
import { InputError } from "./verify/keys.ts";
import { ConfigError } from "./config.ts";

const say = (message: string): void => void process.stderr.write(`${message}\n`);

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => stop.abort());
}
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  process.exitCode = await runGuard(await readAsked(process.argv.slice(2), process.env), {
    ...{ say, stop: stop.signal },
    print: (line) => void process.stdout.write(`${line}\n`),
  });
} catch (error) {
  const asked = error instanceof InputError || error instanceof ConfigError;
  const known = asked || error instanceof GuardInputError;
  const { message, stack = message } = error as Error;
  say(known ? message : stack);
  process.exitCode = 2;
}
// Sockets to the store are kept open; nothing waits for them.
process.exit();
