import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the test tells the stand-ins of the Azure that is not there. */
export interface Azure {
  operatorObjectId: string;
  /** Where a token of the operator comes from: the emulated identity endpoint. */
  identity: { endpoint: string; header: string; clientId: string };
  vaultId: string;
  accountId: string;
  /** Managed identities by name, with their principal ids. */
  identities: Record<string, string>;
  /** Of the deployed app. */
  settings: Record<string, string>;
  /** Of the templates, by name. */
  outputs: Record<string, string>;
}

/** What the commands of the page did. */
export interface Done {
  /** Values of the azd environment; undefined before `azd env new`. */
  environment?: Record<string, string>;
  /** The values at each `azd up` and `azd provision`. */
  provisions: Record<string, string>[];
  roles: { role: string; scope: string; principalId: string }[];
  /** Commands that were checked and had nothing else to do. */
  checked: string[];
}

const fileOf = (name: string) => join(process.env.STAND_IN_FOLDER ?? "", name);

export const readAzure = (folder?: string): Azure =>
  JSON.parse(readFileSync(folder ? join(folder, "azure.json") : fileOf("azure.json"), "utf8"));

export function readDone(folder?: string): Done {
  return JSON.parse(readFileSync(folder ? join(folder, "done.json") : fileOf("done.json"), "utf8"));
}

export function changeDone(change: (done: Done) => void): undefined {
  const done = readDone();
  change(done);
  writeFileSync(fileOf("done.json"), JSON.stringify(done));
}
