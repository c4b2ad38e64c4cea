import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem } from "../command-problem.ts";
import { type Directory, graphAppId, type ServicePrincipal } from "./directory.ts";
import type { Steps } from "./steps.ts";

/** An internal service, by the object id of its managed identity's service principal. */
export interface NamedCaller {
  name: string;
  objectId: Guid;
}

interface Parties {
  principal: ServicePrincipal | undefined;
  resource: ServicePrincipal | undefined;
}

/** Assigns Keyhold's app role to the callers. Without it their tokens are refused. */
export async function ensureCallerRoles(
  callers: readonly NamedCaller[],
  { resource, role }: { resource: ServicePrincipal | undefined; role: string },
  directory: Directory,
  steps: Steps,
): Promise<void> {
  for (const { name, objectId: id } of callers) {
    const what = `app role ${role} of the caller ${name}`;
    const parties = async () => ({ principal: await directory.servicePrincipal({ id }), resource });
    if (resource) await ensureRole(what, role, parties, directory, steps);
    else steps.postpone("Keyhold has no service principal yet", what);
  }
}

/**
 * Lets Keyhold's identity `monitoring` read applications, because Keyhold compares the credentials of its clients with
 * the policy.
 */
export async function ensureDirectoryReader(
  monitoringClientId: Guid | undefined,
  directory: Directory,
  steps: Steps,
): Promise<void> {
  const role = "Application.Read.All";
  const what = `${role} of Microsoft Graph for the identity monitoring`;
  if (monitoringClientId === undefined) return steps.postpone("azd up makes the identity", what);
  const parties = async () => ({
    principal: await directory.servicePrincipal({ appId: monitoringClientId }),
    resource: await directory.servicePrincipal({ appId: graphAppId }),
  });
  await ensureRole(what, role, parties, directory, steps);
}

async function ensureRole(
  what: string,
  role: string,
  parties: () => Promise<Parties>,
  directory: Directory,
  steps: Steps,
): Promise<void> {
  const grantOf = ({ principal, resource }: Parties) => {
    if (!principal) throw missing("There is no such service principal", "give the ids of the managed identity");
    const roleId = resource?.appRoles.find(({ value, isEnabled }) => value === role && isEnabled)?.id;
    // After a change of the registration, the role appears on the service principal with a delay.
    if (!resource || roleId === undefined) throw missing(`There is no app role ${role} yet`, "run the command again");
    return { principal, resource, roleId };
  };
  await steps.ensure({
    what,
    find: async () => {
      const grant = grantOf(await parties());
      return (await directory.hasAppRole(grant)) ? grant : undefined;
    },
    create: async () => {
      const grant = grantOf(await parties());
      await directory.grantAppRole(grant);
      return grant;
    },
  });
}

function missing(what: string, remedy: string): CommandProblem {
  return new CommandProblem("wrong", what, { where: "the home tenant", remedy });
}
