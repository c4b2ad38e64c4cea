import type { TokenCredential } from "@azure/identity";
import * as z from "zod";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { createGraphGet, type GraphState, unexpected } from "./graph-get.ts";

/** The tenant in which an application is registered, according to its service principal in the home tenant. */
export type ApplicationOwner = (applicationId: Guid) => Promise<Guid | undefined>;

const servicePrincipal = z.object({ appId: z.guid(), appOwnerOrganizationId: z.guid() });
const deadlineMs = 20_000;

/**
 * Undefined if the home tenant has no service principal of the application. `credential` needs the app role
 * `Application.Read.All`. Source: Microsoft Graph v1.0, resource type servicePrincipal, `appOwnerOrganizationId`.
 * @throws ApplicationDirectoryError if Graph does not return it
 */
export function createApplicationOwner(
  { graphHost }: Cloud,
  credential: TokenCredential,
  clock: () => number,
): ApplicationOwner {
  const state: GraphState = { clock, announcedUntilMs: 0 };
  return async (applicationId) => {
    const get = createGraphGet(graphHost, credential, AbortSignal.timeout(deadlineMs), state);
    const answer = await get(`servicePrincipals(appId='${applicationId}')?$select=appId,appOwnerOrganizationId`);
    if (answer === undefined) return undefined;
    const { data } = servicePrincipal.safeParse(answer);
    if (data?.appId.toLowerCase() !== applicationId) throw unexpected("shape");
    return parseGuid(data.appOwnerOrganizationId);
  };
}
