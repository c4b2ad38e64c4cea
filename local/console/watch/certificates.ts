/** The certificates of the policy, and the state of each in the product, in Entra and in the vault. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { CredentialState } from "../../../src/domain/credentials/credential-state.ts";
import type { Stack } from "../../stack/stack.ts";
import type { Policy } from "../../stack/world.ts";
import type { CertificateRow } from "../snapshot.ts";

interface VaultKey {
  name: string;
  version: string;
  enabled: boolean;
}

export async function readCertificates(stack: Stack, signal: AbortSignal): Promise<CertificateRow[]> {
  const policy = JSON.parse(await readFile(stack.policyFile, "utf8")) as Policy;
  const json = async (path: string) => (await fetch(`${stack.controlUrl}${path}`, { signal })).json();
  const vaultKeys = (await json("/key-vault/keys")) as VaultKey[];
  const applications = (await json("/entra/applications")) as {
    clientId: string;
    certificates: { x5tS256: string }[];
  }[];
  const states = await readStates(stack, signal);
  return policy.clients.flatMap(({ name: client, clientId, certificates }) => {
    const registered = applications.find((application) => application.clientId === clientId)?.certificates ?? [];
    return certificates.map(({ keyId, certificate }): CertificateRow => {
      const parsed = new X509Certificate(certificate);
      const thumbprint = Buffer.from(parsed.fingerprint256.replaceAll(":", ""), "hex").toString("base64url");
      const [, , , keyVersion = ""] = new URL(keyId).pathname.split("/");
      const record = states.get(clientId)?.find(({ x5tS256 }) => x5tS256 === thumbprint);
      const { atMs, ok, reason } = record?.canary ?? {};
      return {
        client,
        thumbprint,
        keyVersion: keyVersion.slice(0, 12),
        endsMs: Date.parse(parsed.validTo),
        state: record?.disabledAtMs === undefined ? (record?.state ?? "not looked at yet") : "disabled",
        ...(record && { sinceMs: record.sinceMs }),
        isRegistered: registered.some(({ x5tS256 }) => x5tS256 === thumbprint),
        isEnabled: vaultKeys.find(({ version }) => version === keyVersion)?.enabled ?? false,
        ...(atMs !== undefined && { canary: { atMs, ok: ok === true, ...(reason !== undefined && { reason }) } }),
      };
    });
  });
}

async function readStates(stack: Stack, abortSignal: AbortSignal): Promise<Map<string, CredentialState>> {
  const states = new Map<string, CredentialState>();
  const filter = "PartitionKey eq 'credentials'";
  for await (const row of stack.storage.audit.listEntities<{ json?: string }>({
    queryOptions: { filter },
    abortSignal,
  })) {
    states.set(row.rowKey ?? "", JSON.parse(row.json ?? "[]") as CredentialState);
  }
  return states;
}
