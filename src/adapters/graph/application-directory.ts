import type { TokenCredential } from "@azure/identity";
import * as z from "zod";
import type { CredentialHolder, FederatedCredential, RegisteredCredentials } from "../../domain/credentials/drift.ts";
import { type ApplicationDirectory, ApplicationDirectoryError } from "../../domain/credentials/ports.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { createGraphGet, type GraphGet, type GraphState, unexpected } from "./graph-get.ts";

/** Milliseconds for all requests about one application. */
const deadlineMs = 20_000;
/** Entra allows 20 federated credentials for an application. */
const maxPages = 20;

const credentials = {
  /** Graph returns `key` only with `$select` on a single object. */
  keyCredentials: z.array(z.object({ keyId: z.guid(), key: z.base64().nullish() })),
  passwordCredentials: z.array(z.object({ keyId: z.guid() })),
};
const lock = z.object({ isEnabled: z.boolean().nullish(), allProperties: z.boolean().nullish() });
const application = z.object({
  id: z.guid(),
  appId: z.guid(),
  ...credentials,
  servicePrincipalLockConfiguration: lock.nullable(),
});
const servicePrincipal = z.object({ appId: z.guid(), ...credentials });
const federatedPage = z.object({
  value: z.array(
    z.object({
      id: z.guid(),
      issuer: z.string(),
      /**
       * Absent if there is an expression instead. No policy can name an expression as a subject, so it always counts as
       * a difference.
       */
      subject: z.string().nullish(),
      audiences: z.array(z.string()),
    }),
  ),
  "@odata.nextLink": z.url().optional(),
});

/**
 * The credentials of an application of the home tenant, as Microsoft Graph returns them. `credential` needs the app
 * role `Application.Read.All`. An answer without the expected shape is an error, and never counts as an empty list.
 */
export function createApplicationDirectory(
  { graphHost }: Cloud,
  credential: TokenCredential,
  timeoutMs = deadlineMs,
  clock = Date.now,
): ApplicationDirectory {
  const state: GraphState = { clock, announcedUntilMs: 0 };
  return {
    async credentialsOf(clientId) {
      const get = createGraphGet(graphHost, credential, AbortSignal.timeout(timeoutMs), state);
      const app = await readApplication(get, clientId);
      const principal = await readServicePrincipal(get, clientId);
      const federated = await readFederated(get, app.id);
      const { isEnabled, allProperties } = app.servicePrincipalLockConfiguration ?? {};
      return {
        keys: [...keysOf("application", app), ...keysOf("servicePrincipal", principal)],
        passwords: [...passwordsOf("application", app), ...passwordsOf("servicePrincipal", principal)],
        federated,
        isInstanceLocked: isEnabled === true && allProperties === true,
      };
    },
  };
}

async function readApplication(get: GraphGet, clientId: Guid): Promise<z.infer<typeof application>> {
  const select = "id,appId,keyCredentials,passwordCredentials,servicePrincipalLockConfiguration";
  const answer = await get(`applications(appId='${clientId}')?$select=${select}`);
  if (answer === undefined) throw new ApplicationDirectoryError("application_not_found");
  return ofClient(parse(application, answer), clientId);
}

/**
 * The client's service principal. Without one in the home tenant the client cannot have canaries, and this check would
 * be incomplete.
 */
async function readServicePrincipal(get: GraphGet, clientId: Guid): Promise<z.infer<typeof servicePrincipal>> {
  const select = "appId,keyCredentials,passwordCredentials";
  const answer = await get(`servicePrincipals(appId='${clientId}')?$select=${select}`);
  if (answer === undefined) throw new ApplicationDirectoryError("service_principal_not_found");
  return ofClient(parse(servicePrincipal, answer), clientId);
}

async function readFederated(get: GraphGet, objectId: string): Promise<FederatedCredential[]> {
  const found: FederatedCredential[] = [];
  let next: string | undefined = `applications/${objectId}/federatedIdentityCredentials`;
  for (let pages = 0; next !== undefined; pages++) {
    if (pages === maxPages) throw unexpected("pages");
    const answer = await get(next);
    if (answer === undefined) throw new ApplicationDirectoryError("application_not_found");
    const page = parse(federatedPage, answer);
    found.push(...page.value.map(({ subject, ...each }) => ({ ...each, subject: subject ?? "" })));
    next = page["@odata.nextLink"];
  }
  return found;
}

type Holder = z.infer<typeof servicePrincipal>;

function keysOf(on: CredentialHolder, { keyCredentials }: Holder): RegisteredCredentials["keys"] {
  // Encoded again, so that different base64 forms of the same bytes are equal.
  return keyCredentials.map(({ keyId, key }) => ({
    on,
    keyId,
    ...(key ? { der: Buffer.from(key, "base64").toString("base64") } : {}),
  }));
}

function passwordsOf(on: CredentialHolder, { passwordCredentials }: Holder): RegisteredCredentials["passwords"] {
  return passwordCredentials.map(({ keyId }) => ({ on, keyId }));
}

function ofClient<T extends { appId: string }>(found: T, clientId: Guid): T {
  if (found.appId.toLowerCase() !== clientId) throw unexpected("appId");
  return found;
}

function parse<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw unexpected("shape");
  return parsed.data;
}
