import * as z from "zod";
import type { RestAnswer, RestRequest } from "../rest.ts";

/** Azure Resource Manager, as the operator. */
export type ResourceManager = (request: RestRequest) => Promise<RestAnswer>;

export interface StopOptions {
  /** `https://management.azure.com`. */
  managementUrl: string;
  /** ARM id of the vault. */
  vaultId: string;
  /** Object id of the identity that signs. */
  signerObjectId: string;
  /** Whether the vault's private endpoint connections are rejected too. */
  cutNetwork: boolean;
  /** False: only reads. */
  acts: boolean;
}

export interface StopStep {
  /** `delete` a role assignment, `reject` a private endpoint connection. */
  action: "delete" | "reject";
  what: string;
  /** `planned`: what `acts` would do. `kept`: this command does not touch it, so the identity can still sign. */
  state: "planned" | "done" | "failed" | "kept";
  /** HTTP status of the failed request. */
  status?: number;
}

/** Azure Resource Manager did not let us read the current state. */
export class NotReadable extends Error {
  override readonly name = "NotReadable";
  readonly status: number;
  constructor(what: string, status: number) {
    super(`${what}: Azure Resource Manager answered ${status}`);
    this.status = status;
  }
}

const assignments = z.object({
  value: z.array(z.object({ id: z.string(), properties: z.object({ scope: z.string(), principalId: z.string() }) })),
  nextLink: z.string().nullish(),
});
const vault = z.object({
  properties: z.object({ privateEndpointConnections: z.array(z.object({ id: z.string() })).nullish() }),
});
const authorization = "api-version=2022-04-01";
const keyVault = "api-version=2023-07-01";
/** Far more pages than a vault has. */
const maxPages = 20;

/**
 * Deletes every role assignment of the signing identity on the vault or below, and on request rejects the vault's private
 * endpoint connections. It uses only the control plane, so it needs no network path to the vault and no right in it.
 * @throws NotReadable if the current state cannot be read; nothing has been changed then.
 */
export async function stopSigning(arm: ResourceManager, options: StopOptions): Promise<StopStep[]> {
  const { managementUrl, vaultId, cutNetwork, acts } = options;
  const found = await readAssignments(arm, options);
  const connections = cutNetwork ? await readConnections(arm, options) : [];
  const steps: StopStep[] = [];
  for (const { id, scope } of found) {
    const what = `role assignment ${nameOf(id)} on ${nameOf(scope)}`;
    const isBelow = `${scope}/`.toLowerCase().startsWith(`${vaultId}/`.toLowerCase());
    if (!isBelow) steps.push({ action: "delete", what: `${what}, above the vault`, state: "kept" });
    else steps.push(await act("delete", what, { method: "DELETE", url: `${managementUrl}${id}?${authorization}` }));
  }
  const rejected = { status: "Rejected", description: "keyhold stop" };
  for (const id of connections) {
    const body = { properties: { privateLinkServiceConnectionState: rejected } };
    const request = { method: "PUT", url: `${managementUrl}${id}?${keyVault}`, body };
    steps.push(await act("reject", `private endpoint connection ${nameOf(id)}`, request));
  }
  return steps;

  async function act(action: StopStep["action"], what: string, request: RestRequest): Promise<StopStep> {
    if (!acts) return { action, what, state: "planned" };
    const { status } = await arm(request);
    // 204: it was gone already.
    const isDone = status >= 200 && status < 300;
    return isDone ? { action, what, state: "done" } : { action, what, state: "failed", status };
  }
}

/** The role assignments of the identity at the vault, below it and above it. */
async function readAssignments(arm: ResourceManager, { managementUrl, vaultId, signerObjectId }: StopOptions) {
  const filter = encodeURIComponent(`principalId eq '${signerObjectId}'`);
  const path = `${vaultId}/providers/Microsoft.Authorization/roleAssignments`;
  const found: { id: string; scope: string }[] = [];
  let url: string | undefined = `${managementUrl}${path}?${authorization}&$filter=${filter}`;
  for (let page = 0; url !== undefined && page < maxPages; page++) {
    const { status, body } = await arm({ method: "GET", url });
    const parsed = assignments.safeParse(body);
    if (status !== 200 || !parsed.success) throw new NotReadable("the role assignments cannot be read", status);
    for (const { id, properties } of parsed.data.value)
      if (properties.principalId.toLowerCase() === signerObjectId.toLowerCase())
        found.push({ id, scope: properties.scope });
    const { nextLink } = parsed.data;
    url = nextLink?.startsWith(`${managementUrl}/`) ? nextLink : undefined;
  }
  return found;
}

async function readConnections(arm: ResourceManager, { managementUrl, vaultId }: StopOptions): Promise<string[]> {
  const { status, body } = await arm({ method: "GET", url: `${managementUrl}${vaultId}?${keyVault}` });
  const parsed = vault.safeParse(body);
  if (status !== 200 || !parsed.success) throw new NotReadable("the vault cannot be read", status);
  return (parsed.data.properties.privateEndpointConnections ?? []).map(({ id }) => id);
}

function nameOf(id: string): string {
  return id.split("/").slice(-2).join("/");
}
