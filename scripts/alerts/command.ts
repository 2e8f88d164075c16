/**
 * Alerts to a program of the operator's: the alert as JSON on standard input, a few variables in an otherwise clean environment.
 * No shell is in between. Exit code 0 within the time limit means that it was taken.
 */
import { spawn } from "node:child_process";
import { standardBody, TYPES } from "../../storage/alerts/bodies/standard.ts";
import type { Channel, SendAnswer } from "../../storage/alerts/channel.ts";
import { plain } from "../../storage/alerts/words.ts";
import type { Alert } from "../../storage/guard-ports.ts";
import type { CommandSettings } from "./file.ts";

const PATH = "/usr/local/bin:/usr/bin:/bin";
/** Of what it writes to standard error, from the end. */
const STDERR_CHARS_MAX = 2_000;

export function commandChannel(settings: CommandSettings, link: string | null): Channel {
  const { id, severity } = settings;
  return {
    ...{ id, format: "command", severity, alertsMax: 1 },
    send: ([alert]) => run(settings, alert!, standardBody(alert!, link)),
  };
}

function run(
  { run: [program, ...args], seconds }: CommandSettings,
  alert: Alert,
  body: string,
): Promise<SendAnswer> {
  return new Promise((resolve) => {
    // A group of its own, so that what it started ends with it when its time is over.
    const child = spawn(program, args, {
      ...{ cwd: "/", env: environmentOf(alert), shell: false, detached: true },
      stdio: ["pipe", "ignore", "pipe"],
    });
    let said = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, seconds * 1_000);
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString("utf8")).slice(-STDERR_CHARS_MAX);
    });
    // It need not read what it is told.
    child.stdin.on("error", () => {});
    child.stdin.end(body);
    child.on("error", ({ message }) => {
      clearTimeout(timer);
      resolve({ outcome: "away", status: null, detail: plain(message) });
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      // A child of its own that stays may hold the pipe.
      child.stderr.destroy();
      const detail = plain(said.trim() || (signal === null ? `exit code ${code}` : signal));
      if (code === 0) resolve({ outcome: "delivered", status: 0, detail: plain(said.trim()) });
      else if (timedOut) {
        const late = `it was ended after ${seconds} s`;
        resolve({ outcome: "away", status: null, detail: late });
      } else resolve({ outcome: "refused", status: code, detail });
    });
  });
}

function environmentOf(alert: Alert): NodeJS.ProcessEnv {
  const { id, kind, severity, instance, finding } = alert;
  return {
    PATH,
    LANG: "C.UTF-8",
    ALERT_ID: id,
    ALERT_TYPE: TYPES[kind],
    ALERT_SEVERITY: severity,
    ALERT_INSTANCE: instance,
    ALERT_CODE: finding.code,
    ALERT_LOG: finding.log ?? "",
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in this moment.
  }
}
