import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { CredentialState } from "../../domain/credentials/credential-state.ts";
import type { CredentialStore } from "../../domain/credentials/ports.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { openTable, patience } from "./clients.ts";

const partitionKey = "credentials";
/** Somebody else writes at the same time only when a rotation meets a fallback: rarely, and not for long. */
const maxAttempts = 5;

/** One row per client in the audit's table. Whoever can write here can choose among the policy's certificates only. */
export function createTableCredentialStore(url: string, credential: TokenCredential): CredentialStore {
  const table = openTable(url, credential, patience.start);

  async function read(rowKey: string): Promise<{ state: CredentialState; etag?: string }> {
    try {
      const { etag, json } = await table.getEntity<{ json?: unknown }>(partitionKey, rowKey);
      return { state: parseState(json), etag };
    } catch (error) {
      if (error instanceof RestError && error.statusCode === 404) return { state: [] };
      throw error;
    }
  }

  return {
    async load() {
      const states = new Map<Guid, CredentialState>();
      const filter = `PartitionKey eq '${partitionKey}'`;
      for await (const { rowKey, json } of table.listEntities({ queryOptions: { filter } })) {
        const clientId = parseGuid(rowKey);
        if (clientId !== undefined) states.set(clientId, parseState(json));
      }
      return states;
    },
    async update(clientId, change) {
      for (let attempt = 1; ; attempt++) {
        const { state, etag } = await read(clientId);
        const next = change(state);
        const entity = { partitionKey, rowKey: clientId, json: JSON.stringify(next) };
        try {
          if (etag === undefined) await table.createEntity(entity);
          else await table.updateEntity(entity, "Replace", { etag });
          return next;
        } catch (error) {
          const isConflict = error instanceof RestError && (error.statusCode === 409 || error.statusCode === 412);
          if (!isConflict || attempt === maxAttempts) throw error;
        }
      }
    },
  };
}

/** What cannot be read is as if nothing were known: the policy alone decides, and the next canaries tell. */
function parseState(json: unknown): CredentialState {
  try {
    const state: unknown = JSON.parse(String(json));
    return Array.isArray(state) ? state.filter(isRecord) : [];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is CredentialState[number] {
  const { x5tS256, state, sinceMs } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof x5tS256 === "string" &&
    typeof sinceMs === "number" &&
    (state === "staged" || state === "active" || state === "retiring")
  );
}
