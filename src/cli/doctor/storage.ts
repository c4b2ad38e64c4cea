import { printable } from "../printable.ts";
import { type Check, green, grey, needsAppIdentity, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

/** Checks that the ledger and the audit can be read, and that the app cannot change the policy. */
export function storageChecks(ports: DoctorPorts): Check[] {
  return [policyWriteCheck(ports), ledgerCheck(ports)];
}

/** An ETag that no blob has, so nothing is written even if the right exists. */
const impossibleEtag = '"0x0"';

function policyWriteCheck({ config, policyAsStorage }: DoctorPorts): Check {
  return {
    id: "storage/policy-write",
    title: "the storage identity cannot change the policy",
    async run(signal) {
      if (!("blobUrl" in config.policy)) return grey("the policy is a file: check who may write it");
      if (!policyAsStorage) return grey(needsAppIdentity);
      const { status, headers } = await policyAsStorage(
        {
          method: "PUT",
          url: config.policy.blobUrl,
          body: {},
          headers: { "if-match": impossibleEtag, "x-ms-blob-type": "BlockBlob", "x-ms-version": "2023-11-03" },
        },
        signal,
      );
      const server = headers.get("server") ?? "";
      if (!server.startsWith("Windows-Azure-Blob/")) {
        return grey(
          `the server is not Azure Storage (${printable(server, 40)}), so its answer proves nothing about rights`,
        );
      }
      if (status === 403) return green("a write that could not succeed was refused with 403");
      if (status !== 412) return grey(`storage answered ${status}`);
      return red(
        "storage answered 412: the storage identity would have been allowed to write",
        "whoever has this identity can grant themselves tokens for every tenant",
        "give it Storage Blob Data Reader on the policy's container, and no more",
      );
    },
  };
}

function ledgerCheck({ ledger, clock }: DoctorPorts): Check {
  return {
    id: "storage/ledger",
    title: "the ledger is readable",
    async run() {
      const nowMs = clock();
      const query = { fromMs: nowMs - 86_400_000, toMs: nowMs + 60_000, limit: 1, newestFirst: true };
      for await (const found of ledger.find(query)) {
        if (found.ok) return green(`its newest row is of ${new Date(found.value.intent.timeMs).toISOString()}`);
        const { partition, rowKey } = found.refusal;
        return red(
          `Keyhold did not write this row: ${printable(partition)} ${printable(rowKey)}`,
          "somebody else writes to the ledger, and could hide signatures",
          "keyhold ledger --since 24h lists such rows; check who may write to the table",
        );
      }
      return green("it answered, and has no rows of the last day");
    },
  };
}
