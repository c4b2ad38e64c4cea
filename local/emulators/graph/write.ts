/** Changes of an application's keys: `PATCH`, which replaces them all, and `addKey`. */
import { z } from "zod";
import type { Application } from "../entra/application-registry.ts";
import {
  addCertificate,
  listCertificates,
  type RegisteredCertificate,
  type RegisteredCertificates,
  readCertificate,
} from "../entra/registered-certificate.ts";
import { badRequest } from "./error.ts";
import { showKey } from "./objects.ts";
import { checkProof } from "./proof.ts";

const keyCredential = z.looseObject({
  type: z.literal("AsymmetricX509Cert"),
  usage: z.literal("Verify"),
  key: z.base64().nullish(),
  keyId: z.guid().nullish(),
  customKeyIdentifier: z.base64().nullish(),
  displayName: z.string().nullish(),
});
type KeyCredential = z.infer<typeof keyCredential>;

const patchBody = z.strictObject({ keyCredentials: z.array(keyCredential) });
const addKeyBody = z.strictObject({ keyCredential, passwordCredential: z.null().optional(), proof: z.string() });

/** What is not in the new collection is gone. An entry without a `key` stays only if its `keyId` is registered. */
export function patchApplication(application: Application, body: Buffer): void {
  const { keyCredentials } = parse(patchBody, body);
  const existing = listCertificates(application.certificates);
  const replaced: RegisteredCertificates = new Map();
  for (const credential of keyCredentials) {
    const kept = credential.key ? undefined : existing.find(({ keyId }) => keyId === credential.keyId);
    addCertificate(replaced, kept ?? read(credential));
  }
  application.certificates = replaced;
}

/** The registered key, as the answer shows it. */
export function addKey(application: Application, body: Buffer, nowMs: number): Record<string, unknown> {
  const { keyCredential: credential, proof } = parse(addKeyBody, body);
  checkProof(proof, application, nowMs);
  return showKey(addCertificate(application.certificates, read(credential)), true);
}

function read({ key, keyId, customKeyIdentifier, displayName }: KeyCredential): RegisteredCertificate {
  if (!key) throw badRequest("A key credential needs its key.");
  try {
    return readCertificate(Buffer.from(key, "base64"), {
      ...(keyId ? { keyId } : {}),
      ...(customKeyIdentifier ? { customKeyIdentifier } : {}),
      ...(displayName ? { displayName } : {}),
    });
  } catch {
    throw badRequest("Key credential is not a certificate that can be used.");
  }
}

function parse<T>(schema: z.ZodType<T>, body: Buffer): T {
  try {
    return schema.parse(JSON.parse(body.toString()));
  } catch (error) {
    throw badRequest(error instanceof z.ZodError ? z.prettifyError(error) : "The body must be JSON.");
  }
}
