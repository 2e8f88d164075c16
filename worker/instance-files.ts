/**
 * Files beside the logs, for people who verify: verifier keys in the operator's folder (where there is one) and
 * under `_indelible/` in the vault, with a text that says how to verify without this software.
 */
import { formatTime } from "../storage/flow/append.ts";
import type { LedgerHooks } from "../storage/flow/ledger.ts";
import { retainAtLeastMs } from "../storage/flow/slot.ts";
import { encodeUtf8, toHex } from "../storage/log/bytes.ts";
import { parseVkey } from "../storage/log/note.ts";
import howToVerify from "../FORMAT.md";
import type { Env } from "./env.ts";
import { report, type LedgerParts } from "./ledger-parts.ts";

export class InstanceFiles implements LedgerHooks {
  readonly #env: Env;
  readonly #parts: LedgerParts;
  #howToVerifyDone = false;

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
    void this.#publishInVault([vkey, ...receiptVkeys.slice(0, 1)], retentionDays).catch(
      (error: unknown) => {
        report("warn", "verifier keys were not written into the vault", {
          log,
          reason: String(error),
        });
      },
    );
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

  /** Once: what is there already stays. */
  async #writeVault(key: string, text: string, retentionDays: number): Promise<void> {
    const retainUntilMs = retainAtLeastMs(this.#parts.clock.nowMs(), retentionDays);
    const put = await this.#parts.vault.put(key, encodeUtf8(text), {
      retainUntilMs,
      ifAbsent: true,
      contentType: key.endsWith(".md")
        ? "text/markdown; charset=utf-8"
        : "text/plain; charset=utf-8",
    });
    if (put.kind === "put") {
      report("info", "written into the vault", {
        key,
        until: formatTime(retainUntilMs),
      });
    }
  }
}
