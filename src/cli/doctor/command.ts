import type { Command } from "commander";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { parseCount } from "../options.ts";
import { describeProblems, type LoadedPolicy, loadPolicy } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { plural } from "../printable.ts";
import { loadSuspensions } from "../suspensions/place.ts";
import { auditChecks } from "./audit.ts";
import { azureChecks } from "./azure.ts";
import { basicChecks } from "./basics.ts";
import { certificateChecks } from "./certificates.ts";
import { type Check, type CheckResult, green, red, runChecks } from "./check.ts";
import { connectDoctor } from "./connect-doctor.ts";
import { homeApiChecks } from "./home-apis.ts";
import { keyChecks } from "./keys.ts";
import { metadataChecks } from "./metadata.ts";
import { describeNoise, startNoise } from "./noise.ts";
import type { DoctorPorts } from "./ports.ts";
import { storageChecks } from "./storage.ts";
import { vaultRightChecks } from "./vault-rights.ts";

const parallel = 6;

/** `doctor`: checks whether the deployment is correct, seen from where the command runs. */
export function addDoctorCommand(program: Command, { run, clock, progress }: CommandContext): void {
  program
    .command("doctor")
    .description("Checks a deployment, and tests that the app's identities can sign and do nothing else.")
    .option("--no-tries", "skip attempts that the vault's log would record as refused")
    .option("--deadline <seconds>", "for each check", parseCount, 20)
    .addHelpText(
      "after",
      `
Examples:
  keyhold doctor
  keyhold doctor --no-tries --json

Green: what was checked, and the answer. Red: what is wrong, why it matters, how to fix it. Grey: could not be checked.
It makes no signature and changes nothing. Its attempts are refused, and the vault's log records that: it prints which
findings of the audit they will cause.

Needs: run it where the app's identities are for the lines about them; az login and Reader on the resource group for
those about Azure; Key Vault Reader for those about keys. Exit code 1: a line is red. 3: every line is grey.`,
    )
    .action((options: { tries: boolean; deadline: number }) =>
      run(async (connect) => {
        const connection = attempt(connect);
        if (connection instanceof CommandProblem) return settingsReport(connection);
        const policy = await loadPolicy(connection.policyPlace, connection.policyContext).catch(asProblem);
        const noise = startNoise();
        const compiled = policy instanceof CommandProblem ? undefined : policy.policy;
        const ports = connectDoctor(connection, compiled, { clock, noise, withTries: options.tries });
        const startedMs = clock();
        const checks = [settingsCheck, ...documentChecks(policy, connection.suspensionsPlace), ...doctorChecks(ports)];
        const onProgress = (done: number) => progress(`${done} of ${checks.length} checks done`);
        onProgress(0);
        const results = await runChecks(checks, { parallel, deadlineMs: options.deadline * 1000, onProgress });
        return doctorReport(results, describeNoise(noise, startedMs, clock()));
      }),
    );
}

/** All checks, in the order in which they are shown. */
export function doctorChecks(ports: DoctorPorts): Check[] {
  return [
    ...basicChecks(ports),
    ...vaultRightChecks(ports),
    ...keyChecks(ports),
    ...storageChecks(ports),
    ...metadataChecks(ports),
    ...certificateChecks(ports),
    ...homeApiChecks(ports),
    ...auditChecks(ports),
    ...azureChecks(ports),
  ];
}

const signs = { green: "ok  ", red: "FAIL", grey: "?   " } as const;

/** The results; red ones with reason and remedy. Exit code 1 if any is red, 3 if none is green either. */
export function doctorReport(results: readonly CheckResult[], notes: readonly string[]): Report {
  const lines = results.flatMap((result) => [
    `${signs[result.state]} ${result.title}: ${result.reason}`,
    ...(result.state === "red" ? [`       why it matters: ${result.why}`, `       remedy: ${result.remedy}`] : []),
  ]);
  const count = (state: CheckResult["state"]) => results.filter((result) => result.state === state).length;
  const counts = { green: count("green"), red: count("red"), grey: count("grey") };
  const sum = `${plural(counts.green, "check")} green, ${counts.red} red, ${counts.grey} could not be checked`;
  const { wrong, fine, unavailable } = exitCodes;
  return {
    exit: counts.red > 0 ? wrong : counts.green > 0 ? fine : unavailable,
    text: [...lines, "", sum].join("\n"),
    json: { counts, checks: results, notes },
    notes,
  };
}

const settingsCheck: Check = {
  id: "settings",
  title: "the settings are valid",
  run: async () => green("the app would start with them"),
};

/** Checks whether the policy and the suspensions beside it are valid, and so in force. */
export function documentChecks(policy: LoadedPolicy | CommandProblem, suspensions: PolicyPlace): Check[] {
  return [policyCheck(policy), suspensionsCheck(suspensions)];
}

function policyCheck(policy: LoadedPolicy | CommandProblem): Check {
  return {
    id: "policy",
    title: "the policy is readable and valid",
    async run() {
      if (!(policy instanceof CommandProblem)) {
        const { withheld } = policy.policy;
        if (withheld.length === 0) return green("it was read and compiled");
        return red(
          describeProblems(withheld).join("; "),
          "requests under these grants are refused",
          "list your own APIs in homeApis and ask for them by application id, or remove the scopes",
        );
      }
      const reason = [policy.message, ...policy.details].join("; ");
      return red(
        reason,
        "changes have no effect, and after an hour without a valid policy nothing is issued",
        policy.remedy,
      );
    },
  };
}

function suspensionsCheck(place: PolicyPlace): Check {
  return {
    id: "suspensions",
    title: "the suspensions beside the policy are readable and valid",
    async run() {
      const loaded = await loadSuspensions(place).catch(asProblem);
      if (loaded instanceof CommandProblem) {
        const reason = [loaded.message, ...loaded.details].join("; ");
        return red(reason, "new suspensions have no effect, and after an hour nothing is issued", loaded.remedy);
      }
      const { length } = loaded.suspensions;
      return green(length === 0 ? "nothing is suspended there" : `${plural(length, "suspension")} in force`);
    },
  };
}

function settingsReport({ message, details, remedy }: CommandProblem): Report {
  const verdict = red([message, ...details].join("; "), "Keyhold does not start with them", remedy);
  return doctorReport([{ id: settingsCheck.id, title: settingsCheck.title, ...verdict }], []);
}

function attempt(connect: () => Connection): Connection | CommandProblem {
  try {
    return connect();
  } catch (error) {
    return asProblem(error);
  }
}

function asProblem(error: unknown): CommandProblem {
  if (error instanceof CommandProblem) return error;
  throw error;
}
