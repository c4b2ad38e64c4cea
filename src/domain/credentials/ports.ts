import type { Guid } from "../shared/guid.ts";
import type { CredentialState } from "./credential-state.ts";
import type { RegisteredCredentials } from "./drift.ts";

/** The directory in which the client is registered, with read access. */
export interface ApplicationDirectory {
  /**
   * All credentials. Throws `ApplicationDirectoryError` if any could not be read, because a partial list could hide a
   * difference.
   */
  credentialsOf(clientId: Guid): Promise<RegisteredCredentials>;
}

export type ApplicationDirectoryErrorCode =
  | "graph_token_unavailable"
  | "graph_forbidden"
  | "graph_throttled"
  | "graph_timed_out"
  | "graph_unavailable"
  | "graph_answer_unexpected"
  | "application_not_found"
  | "service_principal_not_found";

/** The message is the code, and never contains text from the directory (T5). `because`: an error class or a status. */
export class ApplicationDirectoryError extends Error {
  override readonly name = "ApplicationDirectoryError";
  readonly code: ApplicationDirectoryErrorCode;
  readonly because: string | undefined;

  constructor(code: ApplicationDirectoryErrorCode, because?: string) {
    super(code);
    this.code = code;
    this.because = because;
  }
}

/** Stores the states of certificates. */
export interface CredentialStore {
  /** The states of all clients. Throws if storage does not answer. */
  load(): Promise<Map<Guid, CredentialState>>;
  /** Reads, changes and writes; repeats this if somebody else wrote in between. Throws if storage does not answer. */
  update(clientId: Guid, change: (state: CredentialState) => CredentialState): Promise<CredentialState>;
}
