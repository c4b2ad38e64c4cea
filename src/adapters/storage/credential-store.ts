import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import * as z from "zod";
import type { CertificateRecord, CredentialState } from "../../domain/credentials/credential-state.ts";
import type { CredentialStore } from "../../domain/credentials/ports.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { openTable, patience } from "./clients.ts";

const partitionKey = "credentials";
/** Concurrent writes happen only if a rotation and a fallback coincide: rarely and briefly. */
const maxAttempts = 5;

/** One row per client in the audit's table. Write access to it only allows a choice among the policy's certificates. */
export function createTableCredentialStore(url: string, credential: TokenCredential): CredentialStore {
  const table = openTable(url, credential, patience.start);

  async function read(rowKey: string): Promise<{ state: CredentialState; etag?: string }> {
    try {
      const { etag, json } = await table.getEntity<{ json?: unknown }>(partitionKey, rowKey);
      return { state: parseCredentialState(json), etag };
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
        if (clientId !== undefined) states.set(clientId, parseCredentialState(json));
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

/** Milliseconds since 1970, in the range of `Date`. */
const time = z.int().min(0).max(8.64e15);
const recordSchema = z.object({
  x5tS256: z.string().regex(/^[\w-]{43}$/),
  state: z.enum(["staged", "active", "retiring"]),
  sinceMs: time,
  canary: z
    .object({
      atMs: time,
      ok: z.boolean(),
      reason: z
        .string()
        .regex(/^\w{1,64}$/)
        .exactOptional(),
      codes: z.array(z.int()).max(50).exactOptional(),
    })
    .exactOptional(),
  refusedAtMs: time.exactOptional(),
  disabledAtMs: time.exactOptional(),
  isRetiredTold: z.boolean().exactOptional(),
}) satisfies z.ZodType<CertificateRecord>;

/**
 * The records of a row. Records in a form that Keyhold does not write are dropped: the state of those certificates is
 * unknown, and only the policy decides until the next canaries.
 */
export function parseCredentialState(json: unknown): CredentialState {
  let state: unknown;
  try {
    state = JSON.parse(String(json));
  } catch {
    return [];
  }
  if (!Array.isArray(state)) return [];
  return state.flatMap((record) => {
    const parsed = recordSchema.safeParse(record);
    return parsed.success ? [parsed.data] : [];
  });
}
