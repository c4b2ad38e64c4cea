import { readFile } from "node:fs/promises";
import { z } from "zod";
import { client, type Policy } from "../../stack/world.ts";
import { action, control, runTimer } from "./action.ts";
import { policyInForce } from "./policy-in-force.ts";

/** Performs all steps of docs/explain/credentials.md, "Rotating". */
export const stageCertificate = action({
  input: z.strictObject({}),
  kind: "policy",
  title: () => "A new certificate is staged, and promoted by its canary",
  async run(_, context) {
    const { stack, say, eventsSince } = context;
    const sinceMs = Date.now();
    const subject = `CN=${client.name}`;
    const { version, ...key } = await stack.keyVault.createKey(client.keyName, { subject });
    say(`the vault has a new version of ${client.keyName}: ${version.slice(0, 12)}`);
    const certificatePem = key.certificatePem;
    await control(stack, "POST", "/entra/certificates", { clientId: client.clientId, certificatePem });
    say("its certificate is registered at Entra");
    const policy = JSON.parse(await readFile(stack.policyFile, "utf8")) as Policy;
    policy.clients
      .find(({ clientId }) => clientId === client.clientId)
      ?.certificates.push({
        keyId: key.keyId,
        certificate: certificatePem,
      });
    await stack.writePolicy(policy);
    say("the policy lists it");
    await policyInForce(context, sinceMs);
    await runTimer(stack, "checkCredentials");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const promoted = eventsSince(sinceMs).some(({ event }) => event === "credential_promoted");
    if (!promoted) throw new Error("its canary failed, and the previous certificate still signs: see the alarms");
    say("its canary token was issued: it signs from now on");
  },
});
