import { z } from "zod";
import { action, runTimer } from "./action.ts";
import { runCommand } from "./run-command.ts";

const none = z.strictObject({});

export const refreshMetadata = action({
  input: none,
  kind: "metadata",
  title: () => "keyhold metadata refresh",
  // Runs the operators' own command line. It leaves a request for the app, which looks for requests twice a minute.
  run: (_, context) => runCommand(["local/keyhold.mjs", "metadata", "refresh"], context, context.say),
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
