/** Azurite with what the deployment makes in Azure: the ledger's table, and the containers of policy and metadata. */
import { rm } from "node:fs/promises";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { type AzuriteOptions, createAzurite } from "./azurite.ts";
import type { Service } from "./stack-control.ts";
import { auditTable, ledgerTable, metadataContainer, policyContainer, storageAccount } from "./world.ts";

export interface Storage extends Service {
  /** Full access to blobs, for tests that play an operator or an attacker. */
  blobs: BlobServiceClient;
  /** Full access to the ledger. */
  ledger: TableClient;
  /** The rows of the ledger, as they lie in the table. */
  ledgerRows(): Promise<Record<string, unknown>[]>;
}

export async function startStorage(options: Omit<AzuriteOptions, "accountName">): Promise<Storage> {
  // The vault begins with new keys and an empty log, so the ledger begins empty too.
  await rm(options.folder, { recursive: true, force: true });
  const { accountKey, start, stop } = createAzurite({ ...options, accountName: storageAccount });
  await start();
  const { ports } = options;
  const urlOf = (service: "blob" | "table") => `https://127.0.0.1:${ports[service]}/${storageAccount}`;
  const ledger = new TableClient(urlOf("table"), ledgerTable, new AzureNamedKeyCredential(storageAccount, accountKey));
  const blobs = new BlobServiceClient(urlOf("blob"), new StorageSharedKeyCredential(storageAccount, accountKey));
  await ledger.createTable();
  await new TableClient(
    urlOf("table"),
    auditTable,
    new AzureNamedKeyCredential(storageAccount, accountKey),
  ).createTable();
  for (const container of [policyContainer, metadataContainer]) {
    await blobs.getContainerClient(container).createIfNotExists();
  }
  return {
    start,
    stop,
    blobs,
    ledger,
    async ledgerRows() {
      const rows: Record<string, unknown>[] = [];
      for await (const row of ledger.listEntities()) rows.push(row);
      return rows;
    },
  };
}
