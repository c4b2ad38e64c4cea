import { directoryGraphHosts } from "../shared/cloud.ts";
import { type Guid, parseGuid } from "../shared/guid.ts";
import { resourceOf, type Scope } from "../shared/scope.ts";

/** Application ids of Microsoft Graph and of Azure AD Graph. */
const graphApplicationIds = ["00000003-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"];
/**
 * Matched against the text as it is and against the host that a URL parser finds, because parsers disagree about the
 * host.
 */
const graphHostPattern = new RegExp(
  `(^|[./@:])(${directoryGraphHosts.map((host) => host.replaceAll(".", "\\.")).join("|")})\\.?($|[/:?#])`,
);

/**
 * Whether a scope reaches a directory's Graph, in any spelling: by host, by a host below it, or by application id.
 * In the home tenant such a token could add a credential to our own application (T8), so it is never grantable.
 */
export function isDirectoryGraph(scope: Scope): boolean {
  const resource = resourceOf(scope).toLowerCase();
  const host = URL.canParse(resource) ? new URL(resource).hostname : "";
  return (
    graphApplicationIds.some((id) => resource.includes(id)) ||
    graphHostPattern.test(resource) ||
    graphHostPattern.test(host)
  );
}

/**
 * Microsoft's applications that govern a directory or a subscription, by application id. The ids are the same in every
 * tenant and cloud (learn.microsoft.com, "Verify first-party Microsoft applications"), and have no pattern by which to
 * recognise them.
 */
const controlPlanes: ReadonlySet<string> = new Set([
  "797f4846-ba00-4fd7-ba43-dac1f8f63013", // Azure Resource Manager
  "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", // Key Vault
  "589d5083-6f11-4d30-a62a-a4b316a14abf", // Key Vault Managed HSM
  "e406a681-f3d4-42a8-90b6-c2b029497af1", // Storage
  "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", // Log Analytics
  "f5c26e74-f226-4ae8-85f0-b4af0080ac9e", // Application Insights
  "e933bd07-d2ee-4f1d-933c-3752b819567b", // Azure Monitor
  "499b84ac-1321-427f-aa17-267ca6975798", // Azure DevOps
  "fb60f99c-7a34-4190-8149-302f77469936", // token exchange of workload identity federation
  "01fc33a7-78ba-4d2f-a4b7-768e336e890e", // Privileged Identity Management
  "022907d3-0f1b-48f7-badc-1ba6abab6d66", // Azure SQL Database
]);
/**
 * Microsoft's oldest applications (the Graphs, Exchange, SharePoint, Intune ...) have ids of this form; no others do.
 */
const reservedId = /^[0-9a-f]{8}-0000-[0-9a-f]{4}-c[0-9a-f]00-000000000000$/;

/** Whether an application id is known to be Microsoft's. For unknown ids `doctor` asks the directory. */
export function isMicrosoftApplication(id: Guid): boolean {
  return controlPlanes.has(id) || reservedId.test(id);
}

const byApplicationId = /^(?:api:\/\/)?([0-9a-f-]{36})$/i;

/**
 * The application that a scope names by its id, as `<id>/.default` or `api://<id>/.default`. Undefined for every other
 * form: only the directory knows what a name refers to, and hosts have too many spellings for a list.
 */
export function applicationIdOf(scope: Scope): Guid | undefined {
  return parseGuid(byApplicationId.exec(resourceOf(scope))?.[1]);
}
