import type { Stack } from "../../local/stack/stack.ts";
import { askToken, inParallel } from "./world.ts";

export interface Count {
  signatures: number;
  entraRequests: number;
  failed: number;
}

/** The entries that `work` adds to the logs. */
export async function countDuring(stack: Stack, work: () => Promise<number>): Promise<Count> {
  const [signs, posts] = [stack.keyVault.audit.length, stack.entra.audit.length];
  const failed = await work();
  const signatures = stack.keyVault.audit.slice(signs).filter((row) => row.OperationName === "KeySign").length;
  return { signatures, entraRequests: stack.entra.audit.length - posts, failed };
}

/**
 * The instance changes with every round over the tenants, so that each instance gets all of them. Returns the failures.
 */
export async function ask(
  stack: Stack,
  urls: string[],
  tenantIds: string[],
  atATime: number,
  requests: number,
): Promise<number> {
  const callerToken = await stack.callerToken("billing");
  const answers = await inParallel(requests, atATime, (index) => {
    const url = urls[Math.floor(index / tenantIds.length) % urls.length] ?? "";
    return askToken(url, tenantIds[index % tenantIds.length] ?? "", callerToken);
  });
  return answers.filter(({ status }) => status !== 200).length;
}
