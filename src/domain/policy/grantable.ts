import { directoryGraphHosts } from "../shared/cloud.ts";
import { resourceOf, type Scope } from "../shared/scope.ts";

/** Application ids of Microsoft Graph and of Azure AD Graph. */
const graphApplicationIds = ["00000003-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"];
/** Looked for in the text as it is, and in the host as a URL parser sees it: readers differ in what they call the host. */
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
