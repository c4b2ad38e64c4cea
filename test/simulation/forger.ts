import type { LedgerRow } from "../../src/domain/audit/findings.ts";
import { createLedgerId } from "../../src/domain/signing/ledger-id.ts";
import type { World } from "./model.ts";
import { steal } from "./steal.ts";

/**
 * Somebody who can also write the ledger's table. A row that is right in every detail hides one signature, which no
 * comparison of two records can find; storage's own log, the third one, has the write. All else is found.
 */
export function forgeRow(world: World): void {
  world.random.pick(forgeries)(world);
}

const forgeries: readonly ((world: World) => void)[] = [
  /** Right in every detail. */
  (world) => {
    const row = insert(world);
    steal(world, { requestId: row.vaultRequestId, keyVersion: row.keyVersion, isForged: true });
  },
  /** The request id is right, and the key version another. */
  (world) => {
    const { vaultRequestId, keyVersion } = insert(world);
    const others = world.keys.certificates.filter((each) => each.keyVersion !== keyVersion);
    steal(world, { requestId: vaultRequestId, keyVersion: world.random.pick(others).keyVersion });
  },
  /** Written so that it looks old. */
  (world) => {
    const { vaultRequestId, keyVersion } = insert(world, { timeMs: world.time.now() - 600_000 });
    world.forgery.invented.add(vaultRequestId);
    steal(world, { requestId: vaultRequestId, keyVersion });
  },
  /** Says that nothing was signed. */
  (world) => {
    const { vaultRequestId, keyVersion } = insert(world, { outcome: "not_signed" });
    steal(world, { requestId: vaultRequestId, keyVersion });
  },
  /** An open intent, to sign behind it as the instance that it names. */
  (world) => {
    const instance = world.random.pick(world.instances)?.name ?? "";
    const { keyVersion, ...intent } = rowOf(world);
    const { outcome: _, vaultRequestId: __, ...open } = { ...intent, instance };
    world.ledger.insert({ ...open, keyVersion });
    for (let i = 0; i < 2; i++) steal(world, { keyVersion, clientInfo: `keyhold/${instance} azsdk-js` });
  },
  /** For a request that was never made, so that the log looks cut. */
  (world) => {
    world.forgery.invented.add(insert(world).vaultRequestId);
  },
  /** Keyhold's own row disappears, so that its signature looks stolen. */
  (world) => {
    const row = [...world.ledger.rows.values()].at(-1);
    if (!row?.vaultRequestId || world.forgery.invented.has(row.vaultRequestId)) return;
    world.ledger.delete(row);
    world.forgery.deleted.add(row.vaultRequestId);
  },
];

type Signed = LedgerRow & { vaultRequestId: string };

function insert(world: World, facts: Partial<Signed> = {}): Signed {
  const row = { ...rowOf(world), ...facts };
  world.ledger.insert(row);
  return row;
}

function rowOf({ random, time, keys, instances }: World): Signed {
  const { keyName, keyVersion } = random.pick(keys.certificates);
  const timeMs = time.now();
  return {
    ...{ id: createLedgerId(timeMs, random.fill), timeMs, keyName, keyVersion, outcome: "issued" as const },
    ...{ vaultRequestId: random.guid(), instance: random.pick(instances)?.name ?? "" },
  };
}
