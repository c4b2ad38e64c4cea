import { randomUUID } from "node:crypto";
import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem } from "../command-problem.ts";
import type { Directory, DirectoryApplication } from "./directory.ts";
import {
  ensureProperties,
  findByName,
  isForApplications,
  noApplication,
  type Registered,
  withPrincipal,
} from "./registered.ts";
import type { Steps } from "./steps.ts";

interface KeyholdApplication {
  /** Name of the registration; also its unique name. */
  name: string;
  /** Client id of an existing registration. */
  audience?: Guid | undefined;
  callerRole: string;
}

/**
 * Keyhold's own registration: the audience of callers' tokens (v2), with the app role that callers hold. It has no
 * credential.
 */
export async function ensureKeyhold(
  { name, audience, callerRole }: KeyholdApplication,
  directory: Directory,
  steps: Steps,
): Promise<Registered | undefined> {
  const application = await steps.ensure({
    what: `registration of Keyhold, ${name}`,
    find: () =>
      audience === undefined ? findByName(name, "--audience", directory) : directory.application({ appId: audience }),
    create: () => {
      if (audience !== undefined) throw noApplication("--audience");
      const api = { requestedAccessTokenVersion: 2 };
      const appRoles = [newRole(callerRole)];
      return directory.createApplication(name, { displayName: name, signInAudience: "AzureADMyOrg", api, appRoles });
    },
    describe: ({ appId }) => `client id ${appId}`,
  });
  const [rest, own] = [`its identifier URI, tokens of version 2, app role ${callerRole}`, "its service principal"];
  if (!application) return steps.postpone("there is no registration yet", rest, own);
  await ensureProperties(rest, application, () => keyholdLacks(application, callerRole), { directory, steps });
  return withPrincipal(own, application, { directory, steps });
}

function keyholdLacks({ appId, identifierUris, api, appRoles }: DirectoryApplication, callerRole: string): object {
  const uri = `api://${appId}`;
  const role = appRoles.find(({ value }) => value === callerRole);
  if (role && !isForApplications(role)) {
    throw new CommandProblem("wrong", `The app role ${callerRole} is disabled, or not for applications`, {
      ...{ where: "Keyhold's registration", remedy: "enable it there for applications, or choose another name" },
    });
  }
  return {
    ...(identifierUris.includes(uri) ? {} : { identifierUris: [...identifierUris, uri] }),
    ...(api.requestedAccessTokenVersion === 2 ? {} : { api: { requestedAccessTokenVersion: 2 } }),
    ...(role ? {} : { appRoles: [...appRoles, newRole(callerRole)] }),
  };
}

function newRole(value: string) {
  const description = "May ask Keyhold for tokens.";
  const shown = { id: randomUUID(), value, displayName: value, description };
  return { ...shown, isEnabled: true, allowedMemberTypes: ["Application"] };
}
