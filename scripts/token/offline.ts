/**
 * Tokens on the data folder itself, while nothing runs: for whoever lost the last administrator's token. A ledger is
 * opened as a worker would open it, so a folder whose past does not agree is refused here too.
 */
import { Administration } from "../../storage/flow/administration.ts";
import { APPROVAL_HOURS } from "../../storage/flow/approvals.ts";
import { Ledger } from "../../storage/flow/ledger.ts";
import { refusalOf } from "../../storage/flow/refusal.ts";
import { LibsqlTokenUses } from "../../storage/index/token-uses.ts";
import type { TokenRecord } from "../../storage/log/system.ts";
import { ID_RANDOM_BYTES, makeId } from "../../storage/token.ts";
import { overlapEnd, tokenState } from "../../storage/token-rules.ts";
import { runLockSelfTest } from "../../storage/vault/selftest.ts";
import type { DataFolder } from "../parts/data-folder.ts";
import { openOffline, type OfflineTools } from "../parts/offline-ledger.ts";
import type { Stores } from "../parts/stores.ts";
import { DeskRefused, type Desk, type TokenRow } from "./desk.ts";

/** To seal `_system` and to write the memo. */
const DRAIN_MS = 10_000;

/** Who owns the machine asks nobody, so nothing waits for an approval here. */
const RULES = { twoPerson: false, approvalHours: APPROVAL_HOURS, nowMs: () => Date.now() };

/** Runs `use` with the desk of a ledger that was opened for it; seals at the end what it can. */
export async function withOfflineDesk<T>(
  stores: Stores,
  data: DataFolder,
  operator: string,
  tools: OfflineTools,
  use: (desk: Desk) => Promise<T>,
): Promise<T> {
  const { parts, settings } = await openOffline(stores, data, tools);
  try {
    const ledger = await Ledger.start(parts, settings, { publishKeys: async () => {} });
    if (ledger.directory.origin === null) {
      throw new DeskRefused("There is no instance yet: npm start makes it.");
    }
    ledger.sealingForbidden = await whyNotSeal(stores);
    const uses = new LibsqlTokenUses(parts.index.connection);
    const newId = () => makeId(tools.randomBytes(ID_RANDOM_BYTES));
    const administration = new Administration(ledger, { ...RULES, newId });
    const result = await use(deskOf(ledger, administration, operator, () => uses.load()));
    await ledger.drain(Date.now() + DRAIN_MS);
    return result;
  } catch (error) {
    const refusal = refusalOf(error);
    throw refusal === null ? error : new DeskRefused(`${refusal.code}: ${refusal.message}`);
  }
}

/** As at the start of a worker: nothing is put into a store that does not keep it. */
async function whyNotSeal(stores: Stores): Promise<string | null> {
  const { checks } = await runLockSelfTest(stores.vault);
  const failed = checks.find(({ ok }) => !ok);
  if (failed === undefined) return null;
  return `lock_not_enforced: check ${failed.number} (${failed.name}): ${failed.detail}`;
}

function deskOf(
  ledger: Ledger,
  administration: Administration,
  operator: string,
  loadUses: () => Promise<Map<string, string>>,
): Desk {
  const asker = { by: "system", actor: `operator:${operator}` };
  return {
    list: async () => {
      const uses = await loadUses();
      return [...ledger.directory.tokens.values()].map((token) => rowOf(token, uses));
    },
    create: (token) => administration.createToken(asker, token),
    rotate: ({ id, to, overlapSeconds }) => {
      const endsAt = overlapEnd(overlapSeconds, Date.now());
      return administration.rotateToken(asker, { id, to, endsAt });
    },
    revoke: (id) => administration.revokeToken(asker, id),
  };
}

function rowOf(token: TokenRecord, uses: ReadonlyMap<string, string>): TokenRow {
  return {
    id: token.id,
    state: tokenState(token, Date.now()),
    roles: token.roles,
    logs: token.logs,
    expires_at: token.expiresAt,
    ends_at: token.rotatedUntil,
    last_used_at: uses.get(token.id) ?? null,
    created_by: token.createdBy,
    networks: token.networks,
    description: token.description,
  };
}
