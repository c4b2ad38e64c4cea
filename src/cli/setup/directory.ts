import * as z from "zod";
import { errorClass } from "../../adapters/azure/error.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem, isNotSignedIn } from "../command-problem.ts";
import type { Rest, RestAnswer, RestRequest } from "../rest.ts";

/** Applications, service principals and app roles of the home tenant, as the operator. */
export interface Directory {
  /** Undefined if there is none. */
  application(by: { appId: Guid } | { uniqueName: string }): Promise<DirectoryApplication | undefined>;
  /** The owners, who may change it besides administrators. */
  owners(id: string): Promise<Owner[]>;
  /** Object id of the operator; undefined if not known. */
  operatorId(): Promise<string | undefined>;
  /** Creates it, or updates one that has been given this unique name in the meantime. */
  createApplication(uniqueName: string, properties: object): Promise<DirectoryApplication>;
  /** The given properties replace the existing ones; lists are replaced as a whole. */
  changeApplication(id: string, properties: object): Promise<void>;
  /** By the application's client id, or by its own object id. */
  servicePrincipal(by: { appId: string } | { id: string }): Promise<ServicePrincipal | undefined>;
  createServicePrincipal(appId: string): Promise<ServicePrincipal>;
  hasAppRole(grant: RoleGrant): Promise<boolean>;
  grantAppRole(grant: RoleGrant): Promise<void>;
}

const owner = z.object({ id: z.guid().transform((id) => id.toLowerCase()), displayName: z.string().nullish() });
type Owner = z.infer<typeof owner>;

/** App role `roleId` of `resource`, for `principal`. */
export interface RoleGrant {
  principal: ServicePrincipal;
  resource: ServicePrincipal;
  roleId: string;
}

const appRole = z.looseObject({
  ...{ id: z.guid(), value: z.string().nullish(), isEnabled: z.boolean(), allowedMemberTypes: z.array(z.string()) },
});
export type AppRole = z.infer<typeof appRole>;

const requiredResource = z.object({
  resourceAppId: z.guid(),
  resourceAccess: z.array(z.object({ id: z.guid(), type: z.string() })),
});
export type RequiredResource = z.infer<typeof requiredResource>;

const application = z.object({
  ...{ id: z.guid(), appId: z.guid().transform((id) => id.toLowerCase() as Guid), signInAudience: z.string() },
  ...{ identifierUris: z.array(z.string()), appRoles: z.array(appRole) },
  api: z.object({ requestedAccessTokenVersion: z.number().nullish() }),
  requiredResourceAccess: z.array(requiredResource),
  web: z.object({ redirectUris: z.array(z.string()) }),
  passwordCredentials: z.array(z.object({ keyId: z.guid() })),
  servicePrincipalLockConfiguration: z
    .looseObject({ isEnabled: z.boolean(), allProperties: z.boolean().nullish() })
    .nullish(),
});
export type DirectoryApplication = z.infer<typeof application>;

const servicePrincipal = z.object({
  ...{ id: z.guid(), appId: z.guid(), displayName: z.string().nullish(), appRoles: z.array(appRole) },
  appOwnerOrganizationId: z.guid().nullish(),
});
export type ServicePrincipal = z.infer<typeof servicePrincipal>;

const assignment = z.object({ resourceId: z.guid(), appRoleId: z.guid() });

export const graphAppId = "00000003-0000-0000-c000-000000000000";
const timeoutMs = 30_000;
const maxPages = 50;
/** Retries, with milliseconds between attempts: new objects do not appear everywhere at once. */
const replication = { attempts: 12, pauseMs: 5_000 };

const rights = {
  read: "a member of the home tenant may read applications; a guest needs Directory Readers",
  register: "the operator needs Application Developer or Cloud Application Administrator",
  change: "the operator needs to own the application, or Cloud Application Administrator",
  grant: "somebody with Cloud Application Administrator must run this command, or the next one",
  grantGraph: "somebody with Privileged Role Administrator must run this command, or the next one",
};

/**
 * Source: Microsoft Graph v1.0, application (upsert by `uniqueName`), servicePrincipal, appRoleAssignment. On failure
 * every call throws a `CommandProblem` that names the missing right. `pause` waits milliseconds; false: the operator
 * stopped the command.
 */
export function createDirectory(
  { graphHost }: Cloud,
  rest: Rest,
  { pause, operatorId }: { pause: (ms: number) => Promise<boolean>; operatorId: Directory["operatorId"] },
): Directory {
  const base = `https://${graphHost}/v1.0`;
  let hasCreated = false;

  async function send(request: RestRequest): Promise<RestAnswer> {
    try {
      return await rest.send(request, AbortSignal.timeout(timeoutMs));
    } catch (error) {
      if (isNotSignedIn(error)) throw error;
      throw new CommandProblem("unavailable", `Microsoft Graph cannot be reached (${errorClass(error)})`, {
        ...{ where: graphHost, remedy: "check the network, and run the command again" },
      });
    }
  }

  /** Retries while Graph does not yet know objects that this run has created. */
  async function write(request: RestRequest, right: string): Promise<RestAnswer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await send(request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const mayBeEarly = hasCreated && (answer.status === 400 || answer.status === 404);
      if (mayBeEarly && attempt < replication.attempts && (await pause(replication.pauseMs))) continue;
      throw refused(answer.status, right);
    }
  }

  async function read<T>(schema: z.ZodType<T>, url: string): Promise<T | undefined> {
    const { status, body } = await send({ method: "GET", url });
    if (status === 404) return undefined;
    const parsed = schema.safeParse(body);
    if (status === 200 && parsed.success) return parsed.data;
    throw refused(status, rights.read);
  }

  async function list<T>(item: z.ZodType<T>, first: string): Promise<T[]> {
    const page = z.object({ value: z.array(item), "@odata.nextLink": z.string().optional() });
    const all: T[] = [];
    let url: string | undefined = first;
    for (let pages = 0; url !== undefined && pages < maxPages; pages++) {
      const found: z.infer<typeof page> | undefined = await read(page, url);
      all.push(...(found?.value ?? []));
      const next: string | undefined = found?.["@odata.nextLink"];
      // The token is for this host alone.
      url = next?.startsWith(`${base}/`) ? next : undefined;
    }
    return all;
  }

  const readApplication = (key: string) =>
    read(application, `${base}/applications(${key})?$select=${Object.keys(application.shape).join(",")}`);

  return {
    application: (by) => readApplication("appId" in by ? `appId='${by.appId}'` : `uniqueName='${by.uniqueName}'`),
    owners: (id) => list(owner, `${base}/applications/${id}/owners?$select=id,displayName`),
    operatorId,
    async createApplication(uniqueName, properties) {
      const url = `${base}/applications(uniqueName='${uniqueName}')`;
      const request = { method: "PATCH", url, body: properties, headers: { prefer: "create-if-missing" } };
      const { status, body } = await write(request, rights.register);
      hasCreated = true;
      const made =
        status === 201 ? application.safeParse(body).data : await readApplication(`uniqueName='${uniqueName}'`);
      if (!made) throw refused(status, rights.read);
      return made;
    },
    async changeApplication(id, properties) {
      await write({ method: "PATCH", url: `${base}/applications/${id}`, body: properties }, rights.change);
    },
    servicePrincipal(by) {
      const key = "appId" in by ? `(appId='${by.appId}')` : `/${by.id}`;
      const select = Object.keys(servicePrincipal.shape).join(",");
      return read(servicePrincipal, `${base}/servicePrincipals${key}?$select=${select}`);
    },
    async createServicePrincipal(appId) {
      const request = { method: "POST", url: `${base}/servicePrincipals`, body: { appId } };
      const { status, body } = await write(request, rights.change);
      hasCreated = true;
      const made = servicePrincipal.safeParse(body).data;
      if (!made) throw refused(status, rights.change);
      return made;
    },
    async hasAppRole({ principal, resource, roleId }) {
      // The principal's own list is short; the list of a resource such as Microsoft Graph may have thousands of
      // entries.
      const held = await list(assignment, `${base}/servicePrincipals/${principal.id}/appRoleAssignments`);
      return held.some((each) => each.resourceId === resource.id && each.appRoleId === roleId);
    },
    async grantAppRole({ principal, resource, roleId }) {
      const url = `${base}/servicePrincipals/${resource.id}/appRoleAssignedTo`;
      const body = { principalId: principal.id, resourceId: resource.id, appRoleId: roleId };
      const right = resource.appId === graphAppId ? rights.grantGraph : rights.grant;
      const command = `az rest --method POST --url ${url} --body '${JSON.stringify(body)}'`;
      await write({ method: "POST", url, body }, `${right}: ${command}`);
    },
  };
}

function refused(status: number, remedy: string): CommandProblem {
  return new CommandProblem("unavailable", `Microsoft Graph refused it (${status})`, {
    ...{ where: "Microsoft Graph", remedy },
  });
}
