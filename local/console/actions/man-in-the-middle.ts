import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { createAttackerCertificates } from "../../stack/attacker-certificates.ts";
import { startManInTheMiddle } from "../../stack/man-in-the-middle.ts";
import { action, control, runTimer } from "./action.ts";

/**
 * For the time of one refresh somebody else answers on Entra's port, with a certificate for Entra's name from an
 * authority that Keyhold does not pin. He needs no way to the real Entra: nobody gets past his handshake. What a man
 * with a pinned certificate could do is in test/e2e/metadata-man-in-the-middle.test.ts.
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
      say("he answers as login.microsoftonline.com, with a certificate for that name; the hourly refresh runs now");
      await runTimer(stack, "refreshMetadata");
      await sleep(1_000);
    } finally {
      await man.stop();
      await control(stack, "PUT", "/stack/services", { name: "entra", running: true });
    }
    const refused = eventsSince(sinceMs).filter(({ event }) => event === "metadata_refused").length;
    say(`${refused} documents refused at the TLS handshake; ${man.exchanges.length} questions were asked of him`);
    say("the keys of before stay, and no caller noticed");
  },
});
