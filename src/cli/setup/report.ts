import { exitCodes, type Report } from "../command-problem.ts";
import { printable } from "../printable.ts";
import type { SetupInput, SetupResult } from "./set-up.ts";
import type { SetupStep } from "./steps.ts";

const marks: Record<SetupStep["state"], string> = {
  ...{ found: "found   ", done: "created ", planned: "would do", waiting: "WAITS   ", later: "later   " },
};

/**
 * The report of a run. Exit code 1 if a step waits for a right or for somebody else. `isDeployed`: there is a vault.
 */
export function setupReport({ client, dryRun }: SetupInput, result: SetupResult, isDeployed: boolean): Report {
  const { steps, audience, homeTenantId, clientId } = result;
  const waits = steps.some(({ state }) => state === "waiting");
  const hasSigned = steps.some(({ what, state }) => state === "done" && what.startsWith("certificate of"));
  return {
    exit: waits ? exitCodes.wrong : exitCodes.fine,
    text: [...steps.flatMap(linesOf), "", ...nextOf(result, client.name, { dryRun, waits, isDeployed })].join("\n"),
    json: { dryRun, audience, homeTenantId, client: { name: client.name, clientId }, steps },
    notes: hasSigned
      ? [
          "You asked the vault for signatures: the audit will report them as foreign_identity. Inform the engineer on call.",
        ]
      : [],
  };
}

function linesOf({ what, state, because, remedy }: SetupStep): string[] {
  const line = `${marks[state]}  ${printable(what, 400)}${because === undefined ? "" : `: ${printable(because, 600)}`}`;
  return remedy === undefined ? [line] : [line, `            remedy: ${printable(remedy, 1_000)}`];
}

function nextOf(
  { audience }: SetupResult,
  client: string,
  { dryRun, waits, isDeployed }: { dryRun: boolean; waits: boolean; isDeployed: boolean },
): string[] {
  if (dryRun) return ["Dry run: nothing was changed."];
  if (waits) return ["Run the same command again when the waiting steps can be done: finished steps are recognised."];
  if (isDeployed) return ["Next: keyhold tenant add, keyhold grant add (docs/operate/deploy.md)."];
  return [
    "Next:",
    ...(audience === undefined ? [] : [`  azd env set KEYHOLD_AUDIENCE ${audience}`]),
    `  azd env set AZURE_CLIENT_KEY_NAMES '["${client}"]'`,
    "  azd up",
    "Then run the same command again, with the outputs of the deployment in the environment.",
  ];
}
