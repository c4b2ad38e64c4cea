import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { createAttackerCertificates } from "../../stack/attacker-certificates.ts";
import { startManInTheMiddle } from "../../stack/man-in-the-middle.ts";
import { action, control, runTimer } from "./action.ts";

/**
 * During one refresh an attacker answers on Entra's port, with a certificate for Entra's name from an authority that
 * Keyhold does not pin. There is no connection to the real Entra, because every TLS handshake fails. An attacker who
 * has a pinned certificate is tested in test/e2e/metadata-man-in-the-middle.test.ts.
 */
export const manInTheMiddle = action({
  input: z.strictObject({}),
  kind: "metadata",
  title: () => "A man in the middle, for one refresh of metadata",
  async run(_, { stack, say, eventsSince }) {
    const sinceMs = Date.now();
    const { leaves } = await createAttackerCertificates();
    await control(stack, "PUT", "/stack/services", { name: "entra", running: false });
    const upstream = { port: 1, ca: "", servername: "login.microsoftonline.com" };
    const man = await startManInTheMiddle({ port: stack.ports.entra, tls: leaves.unknownCa, upstream });
    try {
      say(
        "an attacker answers as login.microsoftonline.com, with a certificate for that name; the hourly refresh runs now",
      );
      await runTimer(stack, "refreshMetadata");
      await sleep(1_000);
    } finally {
      await man.stop();
      await control(stack, "PUT", "/stack/services", { name: "entra", running: true });
    }
    const refused = eventsSince(sinceMs).filter(({ event }) => event === "metadata_refused").length;
    say(`${refused} documents refused at the TLS handshake; ${man.exchanges.length} requests reached the attacker`);
    say("the known keys stay in use, and callers are not affected");
  },
});
