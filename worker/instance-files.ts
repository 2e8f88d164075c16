/**
 * Files beside the logs, for people who verify: verifier keys in the operator's folder (where there is one) and
 * under `_indelible/` in the vault, with a text that says how to verify without this software.
 */
import { formatTime } from "../storage/flow/append.ts";
import type { LedgerHooks } from "../storage/flow/ledger.ts";
import { retainAtLeastMs } from "../storage/flow/slot.ts";
import { encodeUtf8, equalBytes, toHex } from "../storage/log/bytes.ts";
import { parseVkey } from "../storage/log/note.ts";
import howToVerify from "../FORMAT.md";
import type { Env } from "./env.ts";
import type { LedgerParts } from "./ledger-parts.ts";
import { report } from "./report.ts";

const DAY_MS = 86_400_000;

const MARKDOWN = "text/markdown; charset=utf-8";
const PLAIN = "text/plain; charset=utf-8";

export class InstanceFiles implements LedgerHooks {
  readonly #env: Env;
  readonly #parts: LedgerParts;
  #howToVerifyDone = false;
  #inVault: Promise<void> = Promise.resolve();

  constructor(env: Env, parts: LedgerParts) {
    this.#env = env;
    this.#parts = parts;
  }

  async publishKeys(
    log: string,
    vkey: string,
    receiptVkeys: readonly string[],
    retentionDays: number,
  ): Promise<void> {
    await this.#writeFolder(`${log}.vkey`, `${vkey}\n`);
    await this.#writeFolder(`${log}.receipt.vkey`, receiptVkeys.map((key) => `${key}\n`).join(""));
    // Not awaited: a vault that is away keeps nobody's first entry waiting. The next start makes up for it.
    const newest = [vkey, ...receiptVkeys.slice(0, 1)];
    // One after the other: two at once would both find that a key is not there yet.
    this.#inVault = this.#inVault
      .then(() => this.#publishInVault(newest, retentionDays))
      .catch((error: unknown) => {
        report("warn", "verifier keys were not written into the vault", {
          log,
          reason: String(error),
        });
      });
  }

  async #publishInVault(newest: readonly string[], retentionDays: number): Promise<void> {
    for (const key of newest) {
      const id = toHex(parseVkey(key).keyId);
      await this.#writeVault(`_indelible/keys/${id}.vkey`, `${key}\n`, retentionDays);
    }
    if (this.#howToVerifyDone) return;
    await this.#writeVault("_indelible/FORMAT.md", howToVerify, retentionDays);
    this.#howToVerifyDone = true;
  }

  async #writeFolder(name: string, text: string): Promise<void> {
    if (this.#env.VKEYS === undefined) return;
    const request = new Request(`http://vkeys/${name}`, { method: "PUT", body: text });
    const answer = await this.#env.VKEYS.fetch(request);
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`writing ${name} was answered with ${answer.status}`);
  }

  /** There once, with this very text, under a lock that is long enough for today's longest retention. */
  async #writeVault(key: string, text: string, retentionDays: number): Promise<void> {
    const { vault, clock } = this.#parts;
    const body = encodeUtf8(text);
    const retainUntilMs = retainAtLeastMs(clock.nowMs(), retentionDays);
    for await (const version of vault.versions(key)) {
      if (version.key !== key || version.deleteMarker || version.bytes !== body.length) continue;
      if (!equalBytes(await vault.get(key, version.versionId), body)) continue;
      const lock = await vault.lock(key, version.versionId);
      // A day's grace: not every start makes every lock a little longer.
      if (lock.retainUntilMs < retainUntilMs - DAY_MS) {
        await vault.extendLock(key, version.versionId, retainUntilMs);
      }
      return;
    }
    const contentType = key.endsWith(".md") ? MARKDOWN : PLAIN;
    await vault.put(key, body, { retainUntilMs, ifAbsent: false, contentType });
    report("info", "written into the vault", { key, until: formatTime(retainUntilMs) });
  }
}
