import type { PolicyDocument } from "../../domain/policy/document.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import type { Registration } from "../certificate/registration.ts";
import type { KeyOwner } from "../certificate/vault-key.ts";
import { loadPolicy, readPolicyIfThere } from "../policy/load-policy.ts";
import { ensureCallerRoles, ensureDirectoryReader, type NamedCaller } from "./app-roles.ts";
import { type CertificatePorts, ensureClientCertificate, ensurePublisherCertificate } from "./certificates.ts";
import { ensureClient, type Permission } from "./client-application.ts";
import type { Directory } from "./directory.ts";
import { ensureDraft, ensureUpload, type PolicyPlaces, readDraft } from "./first-policy.ts";
import { ensureKeyhold } from "./keyhold-application.ts";
import type { Registered } from "./registered.ts";
import { createSteps, type SetupStep } from "./steps.ts";

export interface SetupInput {
  /** Name of Keyhold's registration: its unique name, and the prefix of the client's. */
  name: string;
  audience?: Guid | undefined;
  callerRole: string;
  client: { name: string; clientId?: Guid | undefined; redirectUri?: string | undefined };
  permissions: readonly Permission[];
  callers: readonly NamedCaller[];
  /** Client id of the app's identity `monitoring`. */
  monitoringClientId?: Guid | undefined;
  publisherKeyName: string;
  dryRun: boolean;
}

export interface SetupPorts {
  cloud: Cloud;
  directory: Directory;
  registration: Registration;
  /** Undefined: there is no vault yet. */
  keys: KeyOwner | undefined;
  policy: PolicyPlaces;
  progress: (text: string) => void;
  nowMs: number;
}

export interface SetupResult {
  steps: readonly SetupStep[];
  /** Client id of Keyhold's own registration. */
  audience?: Guid;
  homeTenantId?: Guid;
  clientId?: Guid;
}

/**
 * Creates everything from the registrations to a policy in force, as far as this person's rights and the existing
 * resources allow. Each step first checks what exists. A refused step is noted, and steps that do not depend on it are
 * still done. So the command can be repeated later, by the same person or by somebody with other rights.
 * @throws CommandProblem if nobody is signed in
 */
export async function setUp(input: SetupInput, ports: SetupPorts): Promise<SetupResult> {
  const { name, audience, callerRole, client } = input;
  const { directory } = ports;
  const steps = createSteps(input.dryRun, ports.progress);
  const keyhold = await ensureKeyhold({ name, audience, callerRole }, directory, steps);
  const uniqueName = `${name}-client-${client.name}`;
  const acting = await ensureClient({ ...client, uniqueName, permissions: input.permissions }, directory, steps);
  await ensureCallerRoles(input.callers, { resource: keyhold?.principal, role: callerRole }, directory, steps);
  await ensureDirectoryReader(input.monitoringClientId, directory, steps);
  const homeTenantId = parseGuid(keyhold?.principal.appOwnerOrganizationId ?? "");
  await ensurePolicy({ keyhold, acting, homeTenantId }, input, { ...ports, steps });
  return {
    steps: steps.taken,
    ...(keyhold && { audience: keyhold.application.appId }),
    ...(homeTenantId && { homeTenantId }),
    ...(acting && { clientId: acting.application.appId }),
  };
}

interface Known {
  keyhold: Registered | undefined;
  acting: Registered | undefined;
  homeTenantId: Guid | undefined;
}

/** Creates certificates and policy. They come last, because a policy refers to everything before. */
async function ensurePolicy(
  { keyhold, acting, homeTenantId }: Known,
  { client, callers, publisherKeyName }: SetupInput,
  { cloud, policy: places, ...ports }: SetupPorts & CertificatePorts,
): Promise<void> {
  const { steps, nowMs } = ports;
  if (!keyhold || homeTenantId === undefined) {
    return steps.postpone("Keyhold's registration comes first", "certificates and first policy");
  }
  const context = { cloud, homeTenantId, keyholdApplicationId: keyhold.application.appId, nowMs };
  const clientId = acting?.application.appId;
  let inForce: PolicyDocument | undefined;
  let draft: PolicyDocument | undefined;
  const what = "policy so far";
  const isRead = await steps.ensure({
    what,
    find: async () => {
      const isThere = places.inForce && (await readPolicyIfThere(places.inForce));
      if (places.inForce && isThere) inForce = (await loadPolicy(places.inForce, context)).document;
      draft = await readDraft(places.draft, context);
      return inForce ? "one is in force" : draft ? "a draft" : "none yet";
    },
    create: async () => "",
    describe: (found) => found,
  });
  if (isRead === undefined) return;
  for (const { name } of inForce ? callersMissing(callers, inForce) : []) {
    steps.postpone("keyhold caller add", `caller ${name} in the policy in force`);
  }
  if (inForce && !inForce.clients.some((each) => each.clientId.toLowerCase() === clientId)) {
    const commands = "keyhold client add-certificate and client add";
    return steps.postpone(commands, `client ${client.name} in the policy in force`);
  }
  const certificate = await ensureClientCertificate({ name: client.name, clientId }, inForce ?? draft, ports);
  const publisher = await ensurePublisherCertificate(publisherKeyName, inForce ?? draft, ports);
  if (!inForce) {
    if (!certificate || clientId === undefined) {
      return steps.postpone("it needs the client's certificate", "first policy, and its upload");
    }
    const first = { client: { name: client.name, clientId, certificate }, publisher, callers };
    if (!(await ensureDraft(first, places.draft, context, steps))) {
      return steps.postpone("the first policy is incomplete", "policy in force");
    }
  }
  await ensureUpload(places, context, steps);
}

function callersMissing(callers: readonly NamedCaller[], { callers: known }: PolicyDocument): NamedCaller[] {
  return callers.filter(({ objectId }) => !known.some((each) => each.objectId.toLowerCase() === objectId));
}
