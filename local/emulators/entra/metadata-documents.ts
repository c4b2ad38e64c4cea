/**
 * The federation metadata of every tenant and application, signed by the active one of the keys it lists. A document is
 * created at the first request for it and kept until these keys change, so that its bytes stay the same in between.
 */
import { randomUUID } from "node:crypto";
import { signedMetadataDocument } from "./metadata-document.ts";
import type { KeyOptions, SigningKeys } from "./signing-keys.ts";
import { issuerTenant } from "./tenants.ts";

interface KeptDocument {
  keyState: string;
  document: string;
}

export class MetadataDocuments {
  readonly #keys: SigningKeys;
  readonly #authorityHost: string;
  readonly #kept = new Map<string, KeptDocument>();

  constructor(keys: SigningKeys, authorityHost: string) {
    this.#keys = keys;
    this.#authorityHost = authorityHost;
  }

  /** `tenant` in lower case. An application without keys of its own has the document of its tenant. */
  get(tenant: string, { appId }: KeyOptions = {}): string {
    const ownKeys = appId !== undefined && this.#keys.hasOwnKeys(tenant, appId);
    const name = ownKeys ? `${tenant}|${appId.toLowerCase()}` : tenant;
    const published = this.#keys.published(tenant, { appId });
    const active = this.#keys.active(tenant, { appId });
    const keyState = [active, ...published].map(({ kid }) => kid).join(" ");
    const kept = this.#kept.get(name);
    if (kept?.keyState === keyState) return kept.document;
    const content = {
      tenant,
      authorityHost: this.#authorityHost,
      entityId: `https://sts.windows.net/${issuerTenant(tenant)}/`,
      certificates: published.map(({ certificate }) => certificate),
    };
    const document = signedMetadataDocument(content, randomUUID(), active);
    this.#kept.set(name, { keyState, document });
    return document;
  }
}
