/** Control routes for an application's other credentials, as an attacker or an administrator would set them. */
import { z } from "zod";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";
import {
  type Application,
  addFederatedCredential,
  addPassword,
  type CredentialHolder,
} from "./application-registry.ts";
import { withBody, withQuery } from "./control-body.ts";
import { guid } from "./control-input.ts";
import { addCertificate, readCertificate, removeCertificate } from "./registered-certificate.ts";
import type { EntraState } from "./state.ts";

const holder = z.enum(["application", "servicePrincipal"]).default("application");
const passwordBody = z.strictObject({ clientId: guid, on: holder, displayName: z.string().optional() });
const passwordQuery = z.strictObject({ clientId: guid, on: holder, keyId: guid });
const federatedBody = z.strictObject({
  clientId: guid,
  name: z.string().optional(),
  issuer: z.url(),
  subject: z.string().min(1),
  audiences: z.array(z.string()).default(["api://AzureADTokenExchange"]),
});
const federatedQuery = z.strictObject({ clientId: guid, id: guid });
const flag = z.boolean().nullable().default(null);
const lock = z.strictObject({
  isEnabled: z.boolean(),
  allProperties: flag,
  credentialsWithUsageVerify: flag,
  credentialsWithUsageSign: flag,
  tokenEncryptionKeyId: flag,
});
const lockBody = z.strictObject({ clientId: guid, lock: lock.nullable() });
const keyBody = z.strictObject({ clientId: guid, certificatePem: z.string() });
const keyQuery = z.strictObject({ clientId: guid, x5tS256: z.string() });

export function credentialRoutes({ applications }: EntraState): ControlRoute[] {
  const holderOf = (clientId: string, on: z.infer<typeof holder>): CredentialHolder => {
    const application = applications.require(clientId);
    return on === "application" ? application : application.servicePrincipal;
  };
  return [
    withBody("POST", "/passwords", passwordBody, ({ clientId, on, displayName }) =>
      addPassword(holderOf(clientId, on), displayName),
    ),
    withQuery("DELETE", "/passwords", passwordQuery, ({ clientId, on, keyId }) =>
      remove(holderOf(clientId, on).passwords, (each) => each.keyId === keyId),
    ),
    withBody("POST", "/federated-credentials", federatedBody, ({ clientId, ...credential }) =>
      addFederatedCredential(applications.require(clientId), credential),
    ),
    withQuery("DELETE", "/federated-credentials", federatedQuery, ({ clientId, id }) =>
      remove(applications.require(clientId).federated, (each) => each.id === id),
    ),
    withBody("PUT", "/instance-lock", lockBody, (body): Application["lock"] => {
      const application = applications.require(body.clientId);
      application.lock = body.lock;
      return application.lock;
    }),
    withBody("POST", "/service-principal-certificates", keyBody, ({ clientId, certificatePem }) => {
      const { certificates } = applications.require(clientId).servicePrincipal;
      const { keyId, x5tS256 } = addCertificate(certificates, readCertificate(certificatePem));
      return { keyId, x5tS256 };
    }),
    withQuery("DELETE", "/service-principal-certificates", keyQuery, ({ clientId, x5tS256 }) =>
      removeCertificate(applications.require(clientId).servicePrincipal.certificates, x5tS256),
    ),
  ];
}

function remove<T>(from: T[], isMeant: (each: T) => boolean): void {
  const index = from.findIndex(isMeant);
  if (index === -1) throw new ControlError("there is no such credential");
  from.splice(index, 1);
}
