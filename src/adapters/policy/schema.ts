import * as z from "zod";
import { clouds } from "../../domain/shared/cloud.ts";

/**
 * The shape of the policy file. It is strict: an unknown key is an error, because a misspelt one could silently grant
 * or deny. policy.schema.json is generated from it for editors (`npm run generate`).
 */
const guid = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "must be a GUID")
  .describe("A GUID.");
/**
 * Letters of any script, but no invisible characters, so that two names never differ only in a character that cannot be
 * seen.
 */
const namePattern = /^(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,63}$/u;
const name = z
  .string()
  .regex(namePattern, "must be 1 to 64 letters of any language, digits, spaces, dots, hyphens or underscores")
  .refine((text) => text === text.normalize("NFC"), "must be composed (Unicode NFC): type the accented letters again")
  .describe("How the other parts of the policy, the ledger and the logs call it.");
const state = z
  .enum(["active", "suspended"])
  .default("active")
  .describe("`suspended` is refused everywhere within 60 s.");

const certificate = z.strictObject({
  keyId: z
    .string()
    .describe(`Key URL with its version: https://<vault>${clouds.public.vaultHostSuffix}/keys/<name>/<version>.`),
  certificate: z.string().describe("The public certificate registered at the application, PEM."),
});

const publisherKeyId = z.string().describe("Versioned key URL; a key that no client uses.");
const publisherCertificate = z.string().describe("The certificate that relying parties trust, PEM.");

export const policySchema = z
  .strictObject({
    $schema: z.string().optional().describe("For editors."),
    clients: z
      .array(
        z.strictObject({
          name,
          clientId: guid,
          state,
          certificates: z
            .array(certificate)
            .min(1)
            .optional()
            .describe(
              "The first certificate signs from the start. An added one signs after its canary token was issued.",
            ),
          managedIdentityFederation: z
            .strictObject({
              identityClientId: guid.describe("Client id of a user-assigned managed identity of Keyhold."),
              identityObjectId: guid.describe("Its object id: the subject of the application's federated credential."),
            })
            .optional()
            .describe(
              "Instead of certificates: the identity's own token is the assertion. No vault, and no audit by it.",
            ),
        }),
      )
      .describe("Our app registrations, each with its own key."),
    tenants: z
      .array(
        z.strictObject({
          name,
          tenantId: guid,
          state: z.enum(["active", "suspended"]).describe("No default."),
          tokensNotBefore: z.iso
            .datetime({ offset: true, error: "must be an RFC 3339 time, for example 2026-06-01T12:00:00Z" })
            .optional()
            .describe("Tokens that were minted earlier are not served, within 60 s. Never in the future."),
        }),
      )
      .describe("Customer tenants. One that is not listed gets nothing."),
    callers: z
      .array(
        z.strictObject({
          name,
          tenantId: guid.describe("The home tenant."),
          objectId: guid.describe("Object id of the workload's service principal (claim `oid`)."),
          azp: guid
            .optional()
            .describe("Client id of the workload's identity (claim `azp`), if it is to be checked too."),
          state,
        }),
      )
      .describe("Internal workloads, by their managed identities."),
    grants: z
      .array(
        z.strictObject({
          caller: name,
          client: name,
          tenants: z
            .union([z.array(name).min(1), z.literal("all-active")])
            .describe("Names of tenants, or `all-active`: every active one but the home tenant."),
          scopes: z.array(z.string()).default([]).describe("`<resource>/.default`, compared exactly."),
          issues: z
            .array(z.enum(["token", "assertion"]))
            .min(1)
            .default(["token"]),
        }),
      )
      .describe("Who may act as which client in which tenants for which scopes. Nothing else is granted."),
    metadata: z
      .array(
        z.strictObject({
          tenant: z.string().describe("A GUID, or `common`, `organizations`, `consumers`."),
          appId: guid.optional().describe("For an application with signing certificates of its own."),
          onDiscontinuity: z
            .enum(["accept-and-alarm", "hold"])
            .default("accept-and-alarm")
            .describe("What to do with metadata that no known key vouches for: an emergency rollover, or an attack."),
        }),
      )
      .default([])
      .describe("Whose metadata is kept fresh for relying parties. The home tenant's always is; list it to hold it."),
    homeApis: z
      .array(
        z.strictObject({
          name,
          applicationId: guid.describe("Application (client) id of an API that the home tenant itself owns."),
        }),
      )
      .default([])
      .describe("Own APIs: the only resources that can be granted in the home tenant, as `<applicationId>/.default`."),
    publisher: z
      .strictObject({
        certificates: z
          .array(
            z.strictObject({
              keyId: publisherKeyId,
              certificate: publisherCertificate,
              state: z
                .enum(["staged", "active", "retiring"])
                .describe(
                  "`active` signs, exactly one; `keyhold publisher activate` changes it, and nothing else does.",
                ),
            }),
          )
          .min(1)
          .optional()
          .describe("Those that relying parties know, or are to get to know."),
        keyId: publisherKeyId.optional(),
        certificate: publisherCertificate
          .optional()
          .describe("With `keyId` instead of `certificates`: the active one."),
      })
      .optional()
      .describe("The keys that sign idp.xml for SAML relying parties."),
  })
  .describe("Keyhold policy: who may get what. Deny by default, exact match only.");
