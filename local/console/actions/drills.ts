/** Runs `npm run drill -- NAME` at a click. The findings of the audit, whose clock is ahead, appear as alarms. */
import { z } from "zod";
import { type Action, action } from "./action.ts";
import { runCommand } from "./run-command.ts";

function drill(name: string, kind: string, title: string): Action {
  return action({
    input: z.strictObject({}),
    kind,
    title: () => title,
    async run(_, context) {
      let aheadMinutes: number | undefined;
      await runCommand(["local/drill.ts", name], context, (line) => {
        aheadMinutes ??= Number(/(\d+) minutes from now/.exec(line)?.[1]) || undefined;
        const [, shown = "", json] = /^ {2}(.+?) {2,}(\{.*\})$/.exec(line) ?? [];
        if (json === undefined) return context.say(line.replace(/ {2,}/g, " ").trim());
        context.event(JSON.parse(json), aheadMinutes);
        context.say(`alarm: ${shown.replaceAll("_", " ")}`);
      });
    },
  });
}

export const rollKey = drill("rollover", "metadata", "The provider rolls its signing key");
/** These actions read and change the same log, so only one runs at a time. */
export const stealSignature = drill("theft", "audit", "An attacker asks the vault for a signature directly");
export const cutLog = drill("log-cut", "audit", "A row is cut from the vault's log");
export const burst = drill("burst", "audit", "Far more signatures than usual");
