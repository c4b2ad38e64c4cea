import * as z from "zod";
import type { Cloud } from "../../domain/shared/cloud.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem } from "../command-problem.ts";
import { plural } from "../printable.ts";
import type { Rest } from "../rest.ts";

/** Registers certificates at an application. */
export interface Registration {
  /** Reads the registered certificates. Throws a `CommandProblem` if one cannot be added without losing others. */
  prepare(clientId: Guid): Promise<PreparedRegistration>;
}

interface PreparedRegistration {
  existing: number;
  /** The existing certificates, DER in base64. */
  certificates: readonly string[];
  /** Adds a certificate to the existing ones, and checks that those are still there. */
  add(certificate: { der: string; displayName: string }): Promise<void>;
}

const timeoutMs = 30_000;
const keyCredential = z.looseObject({ keyId: z.guid(), key: z.base64().nullish() });
const application = z.object({ id: z.guid(), keyCredentials: z.array(keyCredential) });
type Application = z.infer<typeof application>;

/**
 * Microsoft Graph replaces the whole collection and deletes anything that is not sent. So everything is first read with
 * its keys (Graph returns `key` with $select on a single application), sent back unchanged, and read again. Graph has
 * no If-Match here: a key that somebody adds at the same moment may be overwritten, which the second reading cannot
 * see.
 */
export function createRegistration({ graphHost }: Cloud, rest: Rest): Registration {
  const base = `https://${graphHost}/v1.0/applications`;

  async function read(clientId: Guid): Promise<Application> {
    const url = `${base}(appId='${clientId}')?$select=id,keyCredentials`;
    const { status, body } = await rest.send({ method: "GET", url }, AbortSignal.timeout(timeoutMs));
    const parsed = application.safeParse(body);
    if (status === 200 && parsed.success) return parsed.data;
    throw refused(status, "read");
  }

  return {
    async prepare(clientId) {
      const { id, keyCredentials } = await read(clientId);
      const lost = keyCredentials.filter(({ key }) => !key);
      if (lost.length > 0) {
        throw new CommandProblem("wrong", `Graph does not show the key of ${plural(lost.length, "certificate")}`, {
          where: `the application's keyCredentials, ${lost.map(({ keyId }) => keyId).join(", ")}`,
          remedy: "an update without it could delete it: register the new one in the portal instead (--out)",
        });
      }
      return {
        existing: keyCredentials.length,
        certificates: keyCredentials.flatMap(({ key }) => key ?? []),
        async add({ der, displayName }) {
          if (keyCredentials.some(({ key }) => key === der)) return;
          const added = { type: "AsymmetricX509Cert", usage: "Verify", key: der, displayName };
          const body = { keyCredentials: [...keyCredentials, added] };
          const { status } = await rest.send(
            { method: "PATCH", url: `${base}/${id}`, body },
            AbortSignal.timeout(timeoutMs),
          );
          if (status !== 204) throw refused(status, "change");
          const now = new Set((await read(clientId)).keyCredentials.map(({ key }) => key));
          const missing = [...keyCredentials.map(({ key }) => key), der].filter((key) => !now.has(key));
          if (missing.length === 0) return;
          throw new CommandProblem(
            "wrong",
            `${plural(missing.length, "certificate")} did not arrive at the application`,
            {
              where: "the application's keyCredentials",
              remedy: "check the portal: it may take a minute to appear. keyhold doctor compares it with the policy",
            },
          );
        },
      };
    },
  };
}

function refused(status: number, what: "read" | "change"): CommandProblem {
  const right =
    what === "read" ? "Application.Read.All" : "to be an owner of the application, or Application.ReadWrite.All";
  return new CommandProblem("unavailable", `Microsoft Graph did not let us ${what} the application (${status})`, {
    where: "Microsoft Graph, applications",
    remedy: status === 404 ? "check the client id" : `the operator needs ${right}`,
  });
}
