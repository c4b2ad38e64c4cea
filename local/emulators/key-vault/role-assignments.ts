/**
 * Emulated Azure RBAC of the vault's data plane: who may do what to which key. There are no deny assignments, no groups
 * and no propagation delay; a change takes effect with the next request.
 */
import type { Caller } from "./authentication.ts";
import { Refusal } from "./error-answers.ts";
import { isSameName } from "./key-store.ts";

const dataActions = {
  sign: "keys/sign/action",
  wrap: "keys/wrap/action",
  unwrap: "keys/unwrap/action",
  read: "keys/read",
  create: "keys/create/action",
  import: "keys/import/action",
  update: "keys/update/action",
  delete: "keys/delete",
  backup: "keys/backup/action",
  release: "keys/release/action",
  getSecret: "secrets/getSecret/action",
} as const;

export type DataAction = keyof typeof dataActions;

export const dataActionNames = Object.keys(dataActions) as [DataAction, ...DataAction[]];

export interface RoleAssignment {
  objectId: string;
  /** Absent: the whole vault. */
  keyName?: string;
  actions: DataAction[];
}

/** The vault's ARM id, as it appears in messages and in the audit log. */
export interface VaultResource {
  name: string;
  region: string;
  resourceId: string;
}

export function isAllowed(
  assignments: readonly RoleAssignment[],
  caller: Caller,
  action: DataAction,
  objectName: string | undefined,
): boolean {
  return assignments.some(
    (assignment) =>
      assignment.objectId === caller.objectId &&
      assignment.actions.includes(action) &&
      (assignment.keyName === undefined || (objectName !== undefined && isSameName(assignment.keyName, objectName))),
  );
}

/** As long as the real message, and with identifiers that a well-behaved caller does not pass on to its own callers. */
export function forbiddenByRbac(vault: VaultResource, caller: Caller, action: DataAction, objectPath: string): Refusal {
  const { appid, azp, oid, iss } = caller.claims;
  const lines = [
    "Caller is not authorized to perform action on resource.",
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.",
    `Caller: appid=${appid ?? azp};oid=${oid};iss=${iss}`,
    `Action: 'Microsoft.KeyVault/vaults/${dataActions[action]}'`,
    `Resource: '${vault.resourceId}${objectPath}'`,
    "Assignment: (not found)",
    "DenyAssignmentId: null",
    "DecisionReason: 'DeniedWithNoValidRBAC' ",
    `Vault: ${vault.name};location=${vault.region}`,
    "",
  ];
  return new Refusal(403, "Forbidden", lines.join("\r\n"), "ForbiddenByRbac");
}
