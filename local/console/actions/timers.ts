import { z } from "zod";
import { action, runTimer } from "./action.ts";

const none = z.strictObject({});

export const refreshMetadata = action({
  input: none,
  kind: "metadata",
  title: () => "The hourly refresh of metadata, now",
  async run(_, { stack, say, eventsSince }) {
    const startedMs = Date.now();
    say("Keyhold waits up to ten seconds first, by chance: not all of its instances should ask Entra at once");
    await runTimer(stack, "refreshMetadata");
    const refused = eventsSince(startedMs).filter(({ event }) => event === "metadata_refused").length;
    say(refused > 0 ? `${refused} documents were refused; last-known-good ones stay` : "every source is confirmed");
  },
});

export const checkCredentials = action({
  input: none,
  kind: "credentials",
  title: () => "The hourly check of certificates, now",
  async run(_, { stack, say }) {
    await runTimer(stack, "checkCredentials");
    say("every certificate that signs or waits has minted a canary token");
  },
});
