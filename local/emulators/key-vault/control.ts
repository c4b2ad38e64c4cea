/**
 * The control interface of the vault: reading the audit log, latency and faults, keys and role assignments. It has no
 * authentication of its own, listens on loopback only, and never shows private keys.
 */
import { z } from "zod";
import { behaviourSchema } from "../shared/behaviour-schema.ts";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";
import type { Behaviour } from "../shared/emulator-server.ts";
import type { AuditEvent } from "./audit-log.ts";
import type { KeyStore } from "./key-store.ts";
import { keySummary } from "./object-answers.ts";
import { dataActionNames, type RoleAssignment } from "./role-assignments.ts";

export interface CreateKeyOptions {
  subject?: string;
  keySize?: 2048 | 3072 | 4096;
  exportable?: boolean;
  notAfter?: Date;
  /** `key_ops` of the key. Default: sign and verify. */
  keyOps?: string[];
}

/** What the control interface returns about a new key. */
export interface CreatedKey {
  keyId: string;
  version: string;
  certificatePem: string;
  x5tS256: string;
}

export interface ControlledVault {
  audit: AuditEvent[];
  behaviour: Behaviour;
  assignments: RoleAssignment[];
  store: KeyStore;
  createKey(name: string, options?: CreateKeyOptions): Promise<CreatedKey>;
  setKeyEnabled(name: string, version: string, enabled: boolean): void;
  setKeyExportable(name: string, version: string, exportable: boolean): void;
}

const keyName = z.string().regex(/^[0-9A-Za-z-]{1,127}$/, "letters, digits and hyphens, 1 to 127 of them");

const behaviourBody = behaviourSchema(z.string());

const newKeySchema = z.strictObject({
  name: keyName,
  subject: z.string().exactOptional(),
  keySize: z.union([z.literal(2048), z.literal(3072), z.literal(4096)]).exactOptional(),
  exportable: z.boolean().exactOptional(),
});

const enabledSchema = z.strictObject({ name: keyName, version: z.string(), enabled: z.boolean() });

const exportableSchema = z.strictObject({ name: keyName, version: z.string(), exportable: z.boolean() });

const assignmentsSchema = z.array(
  z.strictObject({
    objectId: z.string().min(1),
    keyName: keyName.exactOptional(),
    actions: z.array(z.enum(dataActionNames)),
  }),
);

export function controlRoutes(vault: ControlledVault): ControlRoute[] {
  return [
    { method: "GET", path: "/audit", handle: ({ query }) => selectEvents(vault.audit, query) },
    { method: "DELETE", path: "/audit", handle: () => void vault.audit.splice(0) },
    { method: "GET", path: "/behaviour", handle: () => vault.behaviour },
    {
      method: "PUT",
      path: "/behaviour",
      handle: ({ body }) => Object.assign(vault.behaviour, parse(behaviourBody, body)),
    },
    { method: "GET", path: "/keys", handle: () => vault.store.versions().map(keySummary) },
    {
      method: "POST",
      path: "/keys",
      handle({ body }) {
        const { name, ...options } = parse(newKeySchema, body);
        return vault.createKey(name, options);
      },
    },
    {
      method: "PUT",
      path: "/keys/enabled",
      handle({ body }) {
        const { name, version, enabled } = parse(enabledSchema, body);
        vault.setKeyEnabled(name, version, enabled);
      },
    },
    {
      method: "PUT",
      path: "/keys/exportable",
      handle({ body }) {
        const { name, version, exportable } = parse(exportableSchema, body);
        vault.setKeyExportable(name, version, exportable);
      },
    },
    { method: "GET", path: "/assignments", handle: () => vault.assignments },
    {
      method: "PUT",
      path: "/assignments",
      handle({ body }) {
        vault.assignments.splice(0, vault.assignments.length, ...parse(assignmentsSchema, body));
        return vault.assignments;
      },
    },
  ];
}

function selectEvents(audit: AuditEvent[], query: URLSearchParams): AuditEvent[] {
  const operation = query.get("operation");
  const since = query.get("since");
  const sinceMs = since === null ? Number.NEGATIVE_INFINITY : Date.parse(since);
  if (Number.isNaN(sinceMs)) throw new ControlError("since: an ISO 8601 time, for example 2026-01-31T12:00:00Z");
  return audit.filter(
    (event) => (operation === null || event.OperationName === operation) && Date.parse(event.TimeGenerated) >= sinceMs,
  );
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw new ControlError(z.prettifyError(result.error));
  return result.data;
}
