/** Names for the ids of the local world. */
import { callers, client, homeTenantId, identities, tenants } from "../../stack/world.ts";

const names = new Map<string, string>([
  [homeTenantId, "home tenant"],
  ...Object.entries(tenants).map(([name, { tenantId }]) => [tenantId as string, name] as const),
  ...[...Object.values(callers), ...Object.values(identities)].map(({ name, objectId }) => [objectId, name] as const),
  [client.clientId, client.name],
]);

export function nameOf(id: unknown): string {
  return typeof id === "string" ? (names.get(id) ?? id.slice(0, 64)) : "";
}

/** `orders-app` and the start of its version, from a key's URL or its parts. */
export function keyLabel(keyName: string, version: string): string {
  return version === "" ? keyName : `${keyName} ${version.slice(0, 6)}`;
}
