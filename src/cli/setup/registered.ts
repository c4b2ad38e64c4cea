import { CommandProblem } from "../command-problem.ts";
import type { AppRole, Directory, DirectoryApplication, ServicePrincipal } from "./directory.ts";
import type { Steps } from "./steps.ts";

/** An application with its service principal in the home tenant. */
export interface Registered {
  application: DirectoryApplication;
  principal: ServicePrincipal;
}

export interface ApplicationPorts {
  directory: Directory;
  steps: Steps;
}

/**
 * Finds a registration by its unique name. Anybody who may register applications can take a guessable name, and would
 * then own an application that Keyhold trusts. So an application that somebody else owns too, or that has a secret, is
 * accepted only by its client id. `option`: the option for that.
 * @throws CommandProblem
 */
export async function findByName(
  uniqueName: string,
  option: string,
  directory: Directory,
): Promise<DirectoryApplication | undefined> {
  const found = await directory.application({ uniqueName });
  if (!found) return undefined;
  const operatorId = await directory.operatorId();
  const others = (await directory.owners(found.id)).filter(({ id }) => id !== operatorId);
  const names = others.map(({ id, displayName }) => (displayName ? `${displayName} (${id})` : id)).join(", ");
  const doubts = [
    ...(others.length > 0 ? [`is owned by ${names}`] : []),
    ...(found.passwordCredentials.length > 0 ? ["has a client secret"] : []),
  ];
  if (doubts.length === 0) return found;
  throw new CommandProblem("wrong", `There is a registration ${uniqueName} already, and it ${doubts.join(" and ")}`, {
    where: "Entra, app registrations",
    remedy: `if it is yours, name it: ${option} ${found.appId}. Otherwise choose another --name`,
  });
}

/** Sets the properties that the application lacks. */
export async function ensureProperties(
  what: string,
  { id }: DirectoryApplication,
  lacks: () => object | Promise<object>,
  { directory, steps }: ApplicationPorts,
): Promise<void> {
  let lacking: object = {};
  await steps.ensure({
    what,
    find: async () => {
      lacking = await lacks();
      return Object.keys(lacking).length === 0 ? true : undefined;
    },
    create: async () => {
      await directory.changeApplication(id, lacking);
      return true;
    },
  });
}

/**
 * The application with its service principal in the home tenant, which is created if needed. Undefined if there is none
 * afterwards, as in a dry run.
 */
export async function withPrincipal(
  what: string,
  application: DirectoryApplication,
  { directory, steps }: ApplicationPorts,
): Promise<Registered | undefined> {
  const { appId } = application;
  const principal = await steps.ensure({
    what,
    find: () => directory.servicePrincipal({ appId }),
    create: () => directory.createServicePrincipal(appId),
  });
  return principal && { application, principal };
}

/** The problem if no application has the given client id. */
export function noApplication(where: string): CommandProblem {
  const remedy = "check the client id, or leave it out: a registration is made then";
  return new CommandProblem("wrong", "The home tenant has no application with this client id", { where, remedy });
}

/** Whether applications, and not only users, may hold the role. */
export function isForApplications({ isEnabled, allowedMemberTypes }: AppRole): boolean {
  return isEnabled && allowedMemberTypes.includes("Application");
}
