import { errorClass } from "../adapters/azure/error-class.ts";
import { CommandProblem } from "./command-problem.ts";

/** Whether an error of a credential says that there is nobody to act as. */
export function isNotSignedIn(error: unknown): boolean {
  return /^(CredentialUnavailable|AggregateAuthentication|ChainedTokenCredential)/.test(errorClass(error));
}

export const notSignedIn = "nobody is signed in here: az login, or azd auth login";

export function notSignedInProblem(): CommandProblem {
  return new CommandProblem("unavailable", "Nobody is signed in here", {
    where: "the Azure CLI and the Azure Developer CLI",
    remedy: "az login, azd auth login, or --operator-identity where there are managed identities",
  });
}
