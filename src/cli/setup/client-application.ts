import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem } from "../command-problem.ts";
import type { Directory, DirectoryApplication, RequiredResource } from "./directory.ts";
import {
  ensureProperties,
  findByName,
  isForApplications,
  noApplication,
  type Registered,
  withPrincipal,
} from "./registered.ts";
import type { Steps } from "./steps.ts";

/** An application permission: app role `role` of the API with this application id. */
export interface Permission {
  resourceAppId: Guid;
  role: string;
}

interface ClientApplication {
  /** Name of the registration, of its key and of its entry in the policy. */
  name: string;
  uniqueName: string;
  clientId?: Guid | undefined;
  /** The page to which Entra sends a customer's administrator after consent. */
  redirectUri?: string | undefined;
  permissions: readonly Permission[];
}

/**
 * The application that acts in customer tenants: multi-tenant, with the permissions that customers consent to, and
 * locked so that no tenant can add a credential to its own instance. It gets no secret.
 */
export async function ensureClient(
  { name, uniqueName, clientId, redirectUri, permissions }: ClientApplication,
  directory: Directory,
  steps: Steps,
): Promise<Registered | undefined> {
  const lock = { isEnabled: true, allProperties: true };
  const application = await steps.ensure({
    what: `registration of the client ${name}`,
    find: () =>
      clientId === undefined
        ? findByName(uniqueName, "--client-id", directory)
        : directory.application({ appId: clientId }),
    create: () => {
      if (clientId !== undefined) throw noApplication("--client-id");
      if (redirectUri === undefined) throw noRedirect();
      const audience = { signInAudience: "AzureADMultipleOrgs", web: { redirectUris: [redirectUri] } };
      const body = { displayName: name, ...audience, servicePrincipalLockConfiguration: lock };
      return directory.createApplication(uniqueName, body);
    },
    describe: ({ appId }) => `client id ${appId}`,
  });
  const [rest, own] = [`multi-tenant, locked, with ${listed(permissions)}`, "its service principal in the home tenant"];
  if (!application) return steps.postpone("there is no registration yet", rest, own);
  const lacks = async () => ({
    ...(isMultiTenant(application) ? {} : { signInAudience: "AzureADMultipleOrgs" }),
    ...(application.web.redirectUris.length > 0 || redirectUri === undefined
      ? {}
      : { web: { redirectUris: [redirectUri] } }),
    ...(isLocked(application) ? {} : { servicePrincipalLockConfiguration: lock }),
    ...(await permissionsLacking(application, permissions, directory)),
  });
  await ensureProperties(rest, application, lacks, { directory, steps });
  return withPrincipal(own, application, { directory, steps });
}

function listed(permissions: readonly Permission[]): string {
  return permissions.length === 0 ? "the permissions that it has" : permissions.map(({ role }) => role).join(", ");
}

function isMultiTenant({ signInAudience }: DirectoryApplication): boolean {
  return /^AzureAD(Multiple|and)/.test(signInAudience);
}

function isLocked({ servicePrincipalLockConfiguration: lock }: DirectoryApplication): boolean {
  return lock?.isEnabled === true && lock.allProperties === true;
}

async function permissionsLacking(
  { requiredResourceAccess: before }: DirectoryApplication,
  permissions: readonly Permission[],
  directory: Directory,
): Promise<{ requiredResourceAccess?: RequiredResource[] }> {
  const after = structuredClone(before);
  let isChanged = false;
  for (const { resourceAppId, role } of permissions) {
    const resource = await directory.servicePrincipal({ appId: resourceAppId });
    const found = resource?.appRoles.find((each) => each.value === role && isForApplications(each));
    if (!found) throw noPermission(resourceAppId, role);
    const listed = after.find((each) => each.resourceAppId.toLowerCase() === resourceAppId);
    if (listed?.resourceAccess.some(({ id, type }) => id === found.id && type === "Role")) continue;
    if (listed) listed.resourceAccess.push({ id: found.id, type: "Role" });
    else after.push({ resourceAppId, resourceAccess: [{ id: found.id, type: "Role" }] });
    isChanged = true;
  }
  return isChanged ? { requiredResourceAccess: after } : {};
}

function noRedirect(): CommandProblem {
  return new CommandProblem("usage", "There is no page for customers' administrators after consent", {
    where: "--redirect-uri",
    remedy: "give an https page of yours: without one Entra shows them AADSTS500113 after the consent",
  });
}

function noPermission(resourceAppId: string, role: string): CommandProblem {
  return new CommandProblem("wrong", `The API ${resourceAppId} has no app role ${role} in the home tenant`, {
    where: "--permission",
    remedy: "check both; an API without service principal: az ad sp create --id <application id>",
  });
}
