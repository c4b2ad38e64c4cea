import type { CertificateClient, CurrentCredentials } from "../issuing/ports.ts";
import type { Guid } from "../shared/guid.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import type { CredentialState } from "./credential-state.ts";
import { describeCertificate } from "./describe-certificate.ts";
import type { CredentialEvent } from "./events.ts";
import {
  align,
  alternativesTo,
  chooseCertificate,
  fallBack,
  isStopped,
  markDisabled,
  recordOf,
  type Sighting,
} from "./life-cycle.ts";
import type { CredentialStore } from "./ports.ts";

/** The states of the certificates for issuing, kept in sync with storage. */
export interface CredentialStates extends CurrentCredentials {
  /** Reads the states again. Never rejects: without them, the known states or the policy alone decide which signs. */
  reload(): Promise<void>;
}

/** The states of all certificates, in memory. Until the first `reload` the policy alone decides. */
export function createCurrentCredentials(
  store: CredentialStore,
  record: (event: CredentialEvent) => void,
): CredentialStates {
  let states = new Map<Guid, CredentialState>();
  const seen = new Map<Guid, Map<string, Sighting>>();
  const stateOf = ({ clientId }: CertificateClient) => states.get(clientId) ?? [];

  /**
   * Changes memory at once, and storage in the background. If that fails, the next mint makes the same observation
   * again.
   */
  function change(client: CertificateClient, next: (state: CredentialState) => CredentialState, nowMs: number): void {
    const changed = (state: CredentialState) => next(align(client.certificates, state, nowMs));
    states.set(client.clientId, changed(stateOf(client)));
    store.update(client.clientId, changed).catch(() => {});
  }

  function note({ clientId }: CertificateClient, { x5tS256 }: SigningCertificate, sighting: Sighting): void {
    const ofClient = seen.get(clientId) ?? new Map<string, Sighting>();
    seen.set(clientId, ofClient.set(x5tS256, { ...ofClient.get(x5tS256), ...sighting }));
  }

  return {
    async reload() {
      await store.load().then(
        (loaded) => {
          states = loaded;
        },
        () => {},
      );
    },
    certificateOf: (client, nowMs) =>
      chooseCertificate(client.certificates, stateOf(client), nowMs, seen.get(client.clientId)),
    alternativesTo: (refused, client, nowMs) =>
      alternativesTo(refused, client.certificates, stateOf(client), nowMs, seen.get(client.clientId)),
    isStopped: (client, nowMs) => isStopped(client.certificates, stateOf(client), nowMs, seen.get(client.clientId)),
    noteRefused: (client, certificate, nowMs) => note(client, certificate, { refusedAtMs: nowMs }),
    noteFallback(client, { refused, accepted, codes }, nowMs) {
      change(client, (state) => fallBack(state, refused, accepted, nowMs), nowMs);
      const { clientId } = client;
      const to = describeCertificate(accepted).thumbprint;
      record({ event: "credential_fallback", clientId, ...describeCertificate(refused), to, codes });
    },
    noteDisabled(client, certificate, nowMs) {
      note(client, certificate, { disabledAtMs: nowMs });
      if (recordOf(stateOf(client), certificate)?.disabledAtMs !== undefined) return;
      change(client, (state) => markDisabled(state, certificate, nowMs), nowMs);
      record({ event: "credential_disabled", clientId: client.clientId, ...describeCertificate(certificate) });
    },
    noteSigned(client, certificate, nowMs) {
      note(client, certificate, { disabledAtMs: undefined });
      if (recordOf(stateOf(client), certificate)?.disabledAtMs === undefined) return;
      change(client, (state) => markDisabled(state, certificate, undefined), nowMs);
      record({ event: "credential_enabled", clientId: client.clientId, ...describeCertificate(certificate) });
    },
  };
}
