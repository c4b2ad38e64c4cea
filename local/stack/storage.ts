/** Azurite with what the deployment creates in Azure: the ledger's table, and the containers of policy and metadata. */
import { readFile, rm } from "node:fs/promises";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { type AzuriteOptions, createAzurite } from "./azurite.ts";
import { freePorts, type Ports } from "./ports.ts";
import type { Service } from "./stack-control.ts";
import { startBlobFront, startTableFront, type TableFront } from "./storage-front.ts";
import type { StorageTokenOptions } from "./storage-tokens.ts";
import {
  auditTable,
  ledgerTable,
  metadataContainer,
  policyContainer,
  sharedTokensTable,
  storageAccount,
} from "./world.ts";

export interface Storage extends Service {
  /** Full access to blobs, for tests that act as an operator or an attacker. */
  blobs: BlobServiceClient;
  /** Full access to the ledger, without the injected faults. */
  ledger: TableClient;
  /** Full access to the audit's table, which also holds the states of certificates. */
  audit: TableClient;
  /** Full access to the tokens that instances share, without the injected faults. */
  sharedTokens: TableClient;
  /** The rows of the ledger as stored in the table. */
  ledgerRows(): Promise<Record<string, unknown>[]>;
  /** Latency and faults of requests to tables. */
  behaviour: TableFront["behaviour"];
  control: TableFront["control"];
  /** Tables without the proxy that injects faults, for measurements. */
  azuriteTablePort: number;
}

interface StorageOptions extends Omit<AzuriteOptions, "accountName"> {
  ports: Ports;
  tokens?: StorageTokenOptions;
  /** Whether to serve the data that an earlier process left in the folder. */
  isKept?: boolean;
}

export async function startStorage({
  folder,
  ports,
  tls,
  tokens,
  isKept,
  onProcess,
}: StorageOptions): Promise<Storage> {
  // If the vault starts with new keys and an empty log, the ledger must start empty too.
  if (!isKept) await rm(folder, { recursive: true, force: true });
  const azurite = await portsBeside(ports);
  const { accountKey, start, stop } = createAzurite({
    folder,
    accountName: storageAccount,
    ports: { ...ports, ...azurite },
    tls,
    onProcess,
  });
  await start();
  const tableUrl = `https://127.0.0.1:${azurite.table}/${storageAccount}`;
  const blobUrl = `https://127.0.0.1:${azurite.blob}/${storageAccount}`;
  const openTable = (name: string) =>
    new TableClient(tableUrl, name, new AzureNamedKeyCredential(storageAccount, accountKey));
  const ledger = openTable(ledgerTable);
  const blobs = new BlobServiceClient(blobUrl, new StorageSharedKeyCredential(storageAccount, accountKey));
  await ledger.createTable();
  const audit = openTable(auditTable);
  await audit.createTable();
  const sharedTokens = openTable(sharedTokensTable);
  await sharedTokens.createTable();
  for (const container of [policyContainer, metadataContainer]) {
    await blobs.getContainerClient(container).createIfNotExists();
  }
  const certificate = await readFile(tls.certificateFile, "utf8");
  const privateKey = await readFile(tls.privateKeyFile, "utf8");
  const front = { tls: { certificate, privateKey }, tokens };
  const tableFront = await startTableFront({ ...front, port: ports.table, azuritePort: azurite.table });
  const blobFront = await startBlobFront({ ...front, port: ports.blob, azuritePort: azurite.blob });
  return {
    async start() {
      await start();
      await Promise.all([tableFront.start(), blobFront.start()]);
    },
    async stop() {
      await Promise.all([tableFront.stop(), blobFront.stop()]);
      await stop();
    },
    blobs,
    ledger,
    audit,
    sharedTokens,
    async ledgerRows() {
      const rows: Record<string, unknown>[] = [];
      for await (const row of ledger.listEntities()) rows.push(row);
      return rows;
    },
    behaviour: tableFront.behaviour,
    control: tableFront.control,
    azuriteTablePort: azurite.table,
  };
}

/** Free ports other than the stack's own, some of which may not be bound yet. */
async function portsBeside(ports: Ports): Promise<{ blob: number; table: number }> {
  const taken = new Set(Object.values(ports));
  for (;;) {
    const { blob, table } = await freePorts();
    if (!taken.has(blob) && !taken.has(table)) return { blob, table };
  }
}
