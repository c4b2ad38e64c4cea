/**
 * The process behind `prepareAudit`: creates an audit table with eight weeks of a constant rate around this hour of the
 * week, as a baseline for comparison. It uses production names, as the product does.
 */
import { TableClient } from "@azure/data-tables";
import { ManagedIdentityCredential } from "@azure/identity";
import { createTableAuditStore } from "../../src/adapters/storage/audit-store.ts";
import { weekMs, windowMs } from "../../src/domain/audit/sign-rate.ts";
import { client, identities } from "../stack/world.ts";

const [, , signsText = "0", firstText = ""] = process.argv;
const signs = Number(signsText);
const tableUrl = new URL(process.env.KEYHOLD_AUDIT_TABLE_URL ?? "");
const credential = new ManagedIdentityCredential({ clientId: identities.storage.clientId });
await new TableClient(tableUrl.origin, tableUrl.pathname.slice(1), credential).createTable();
const store = createTableAuditStore(tableUrl.href, credential);
const weeks = 8;
const hoursAround = 3;
const band = {
  low: 0,
  median: signs,
  high: 4 * signs,
  quietest: signs,
  busiest: signs,
  spread: 1,
  basis: "history" as const,
};

if (signs > 0) {
  const firstMs = Math.floor(Number(firstText) / windowMs) * windowMs;
  for (let week = 0; week <= weeks; week++) {
    const writes: Promise<void>[] = [];
    // Only the completed windows of today: the audit itself adds the rest.
    const last = week === 0 ? -1 : 12 * hoursAround;
    for (let i = -12 * hoursAround; i <= last; i++) {
      const startMs = firstMs - week * weekMs + i * windowMs;
      writes.push(store.putWindow(client.keyName, { startMs, signs, verdict: "normal", band }));
    }
    await Promise.all(writes);
  }
}
process.exit();
