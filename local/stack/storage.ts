/** Azurite with what the deployment makes in Azure: the ledger's table, and the containers of policy and metadata. */
import { readFile, rm } from "node:fs/promises";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { type AzuriteOptions, createAzurite } from "./azurite.ts";
import { freePorts, type Ports } from "./ports.ts";
import type { Service } from "./stack-control.ts";
import { startTableFaults, type TableFaults } from "./storage-faults.ts";
import {
  auditTable,
  ledgerTable,
  metadataContainer,
  policyContainer,
  sharedTokensTable,
  storageAccount,
} from "./world.ts";

export interface Storage extends Service {
  /** Full access to blobs, for tests that play an operator or an attacker. */
  blobs: BlobServiceClient;
  /** Full access to the ledger, past the injected faults. */
  ledger: TableClient;
  /** Full access to the audit's table, which also says what became of certificates. */
  audit: TableClient;
  /** Full access to the tokens that instances share, past the injected faults. */
  sharedTokens: TableClient;
  /** The rows of the ledger, as they lie in the table. */
  ledgerRows(): Promise<Record<string, unknown>[]>;
  /** Latency and faults of requests to tables. */
  behaviour: TableFaults["behaviour"];
  control: TableFaults["control"];
  /** Tables without the faults in front: for measurements. */
  azuriteTablePort: number;
}

interface StorageOptions extends Omit<AzuriteOptions, "accountName"> {
  ports: Ports;
}

export async function startStorage({ folder, ports, tls }: StorageOptions): Promise<Storage> {
  // The vault begins with new keys and an empty log, so the ledger begins empty too.
  await rm(folder, { recursive: true, force: true });
  const azuriteTablePort = await portBeside(ports);
  const { accountKey, start, stop } = createAzurite({
    folder,
    accountName: storageAccount,
    ports: { ...ports, table: azuriteTablePort },
    tls,
  });
  await start();
  const tableUrl = `https://127.0.0.1:${azuriteTablePort}/${storageAccount}`;
  const blobUrl = `https://127.0.0.1:${ports.blob}/${storageAccount}`;
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
  const faults = await startTableFaults({
    port: ports.table,
    tls: { certificate, privateKey },
    azuritePort: azuriteTablePort,
  });
  return {
    async start() {
      await start();
      await faults.start();
    },
    async stop() {
      await faults.stop();
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
    behaviour: faults.behaviour,
    control: faults.control,
    azuriteTablePort,
  };
}

/** A free port that is none of the stack's, which may not all be bound yet. */
async function portBeside(ports: Ports): Promise<number> {
  const taken = new Set(Object.values(ports));
  for (;;) {
    const { table } = await freePorts();
    if (!taken.has(table)) return table;
  }
}
