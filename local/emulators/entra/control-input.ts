/** The input of the control routes. An unknown field is an error, so that a misspelt one is noticed. */
import { z } from "zod";
import { behaviourSchema } from "../shared/behaviour-schema.ts";
import { isGuid } from "./tenants.ts";

export const guid = z.string().refine(isGuid, "must be a GUID");
export const behaviourBody = behaviourSchema(
  z.enum(["token", "discovery", "keys", "federationMetadata", "managedIdentity", "graph"]),
);
export const applicationBody = z.strictObject({ clientId: guid, name: z.string(), objectId: guid.optional() });
export const certificateBody = z.strictObject({ clientId: guid, certificatePem: z.string() });
export const certificateQuery = z.strictObject({ clientId: guid, x5tS256: z.string() });
export const consentBody = z.strictObject({
  tenantId: guid,
  clientId: guid,
  granted: z.boolean(),
  roles: z.record(z.string(), z.array(z.string())).optional(),
});
export const tenantQuery = z.strictObject({ tenantId: guid });
export const forcedErrorBody = z.strictObject({
  tenantId: guid,
  clientId: guid.optional(),
  code: z.int().positive().nullable(),
});
export const relyingPartyBody = z.strictObject({ entityId: z.string().min(1), replyUrl: z.url() });
const keyScope = { tenantId: guid.optional(), appId: guid.optional() };
export const keysQuery = z.strictObject(keyScope);
export const keysBody = z.discriminatedUnion("action", [
  z.strictObject({ action: z.enum(["announce", "replace"]), ...keyScope }),
  z.strictObject({ action: z.enum(["activate", "retire"]), kid: z.string(), ...keyScope }),
]);
export const clockBody = z.strictObject({ offsetSeconds: z.number() });
export const tokenBody = z.strictObject({
  claims: z.record(z.string(), z.unknown()),
  tenantId: guid.optional(),
  expiresInSeconds: z.int().optional(),
});
export const callerTokenQuery = z.strictObject({ clientId: guid, audience: z.string().min(1) });
