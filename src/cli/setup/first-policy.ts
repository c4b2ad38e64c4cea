import type { CertificateDocument, PolicyDocument } from "../../domain/policy/document.ts";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { addToPublisher } from "../certificate/publisher-entry.ts";
import { editPolicy } from "../policy/edit-policy.ts";
import { addEntry } from "../policy/entries.ts";
import { loadPolicy, readPolicyIfThere } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { publishPolicy } from "../policy/publish.ts";
import { writePolicy } from "../policy/write-policy.ts";
import type { NamedCaller } from "./app-roles.ts";
import type { Steps } from "./steps.ts";

/** Where the first policy is written, and where it will be in force. */
export interface PolicyPlaces {
  /**
   * The operator's own file. It contains what is known so far, and the operator can add to it before it is uploaded.
   */
  draft: PolicyPlace;
  /** Undefined: there is no storage yet. */
  inForce: PolicyPlace | undefined;
}

/** The content of the first policy. It has no tenant and no grant, so it gives no one a token. */
export interface FirstPolicy {
  client: { name: string; clientId: Guid; certificate: CertificateDocument };
  publisher: CertificateDocument | undefined;
  callers: readonly NamedCaller[];
}

const empty = { clients: [], tenants: [], callers: [], grants: [] };

/** The draft as written so far, or undefined. */
export async function readDraft(draft: PolicyPlace, context: PolicyContext): Promise<PolicyDocument | undefined> {
  return (await readPolicyIfThere(draft)) && (await loadPolicy(draft, context)).document;
}

/** Adds missing entries to the draft, and leaves all other text as it is. Returns whether it is complete. */
export async function ensureDraft(
  { client, publisher, callers }: FirstPolicy,
  draft: PolicyPlace,
  context: PolicyContext,
  steps: Steps,
): Promise<boolean> {
  const isWhole = await steps.ensure({
    what: `first policy in ${draft.name}`,
    find: async () => {
      const document = await readDraft(draft, context);
      const has = (list: readonly { objectId: string }[], id: string) => list.some((each) => each.objectId === id);
      const hasAll =
        document?.clients.some(({ clientId }) => clientId.toLowerCase() === client.clientId) &&
        (document.publisher || !publisher) &&
        callers.every(({ objectId }) => has(document.callers, objectId));
      return hasAll ? true : undefined;
    },
    create: async () => {
      const target = { place: draft, context };
      if (!(await readPolicyIfThere(draft)))
        await writePolicy(draft, `${JSON.stringify(empty, undefined, 2)}\n`, undefined);
      const { name, clientId: id, certificate } = client;
      await addEntry("client", { id, name, value: { name, clientId: id, certificates: [certificate] } }, target);
      for (const caller of callers) {
        const value = { ...caller, tenantId: context.homeTenantId };
        await addEntry("caller", { id: caller.objectId, name: caller.name, value }, target);
      }
      const before = await loadPolicy(draft, context);
      if (publisher && !before.document.publisher) {
        await editPolicy(before, addToPublisher(undefined, publisher), target);
      }
      return true;
    },
  });
  return isWhole === true;
}

/** Puts the draft in force if there is no policy yet. An existing policy is not changed. */
export async function ensureUpload(
  { draft, inForce }: PolicyPlaces,
  context: PolicyContext,
  steps: Steps,
): Promise<void> {
  const what = "policy in force";
  if (!inForce) return steps.postpone("azd up makes its container (--policy-container)", what);
  await steps.ensure({
    what: `${what}, ${inForce.name}`,
    find: async () => ((await readPolicyIfThere(inForce)) ? "it exists, and is not changed" : undefined),
    create: async () => {
      await publishPolicy(draft, inForce, context, {});
      return "it takes effect within 60 s";
    },
    describe: (done) => done,
  });
}
