/**
 * The paths of the data plane that the emulator knows, each with its name in the audit log and the data action it
 * needs. Any other path is answered as not found.
 */

import type { KeyStore } from "./key-store.ts";
import {
  backupKey,
  type Call,
  createKey,
  deleteKey,
  getKey,
  getSecret,
  listKeys,
  listVersions,
  refuseImport,
  refuseRelease,
  sign,
  unwrapKey,
  updateKey,
  wrapKey,
} from "./operations.ts";
import type { DataAction } from "./role-assignments.ts";

export interface Operation {
  operation: string;
  action: DataAction;
  run(store: KeyStore, call: Call): object | Promise<object>;
}

interface Route extends Operation {
  method: string;
  path: RegExp;
}

const keyPath = "^/+keys/+(?<name>[0-9A-Za-z-]+)";
const secretPath = "^/+secrets/+(?<name>[0-9A-Za-z-]+)";
const version = "(?:/+(?<version>[0-9A-Za-z]+))?";

/** The first match wins: routes with a word that could also be a version come before those with a version. */
const routes: Route[] = [
  route("GET", "^/+keys", "KeyList", "read", listKeys),
  route("GET", `${keyPath}/+versions`, "KeyListVersions", "read", listVersions),
  route("GET", `${keyPath}${version}`, "KeyGet", "read", getKey),
  route("POST", `${keyPath}/+create`, "KeyCreate", "create", createKey),
  route("POST", `${keyPath}/+backup`, "KeyBackup", "backup", backupKey),
  route("POST", `${keyPath}${version}/+sign`, "KeySign", "sign", sign),
  route("POST", `${keyPath}${version}/+wrapkey`, "KeyWrap", "wrap", wrapKey),
  route("POST", `${keyPath}${version}/+unwrapkey`, "KeyUnwrap", "unwrap", unwrapKey),
  route("POST", `${keyPath}${version}/+release`, "KeyRelease", "release", refuseRelease),
  route("PUT", keyPath, "KeyImport", "import", refuseImport),
  route("DELETE", keyPath, "KeyDelete", "delete", deleteKey),
  route("PATCH", `${keyPath}${version}`, "KeyUpdate", "update", updateKey),
  route("GET", `${secretPath}${version}`, "SecretGet", "getSecret", getSecret),
];

function route(method: string, path: string, operation: string, action: DataAction, run: Operation["run"]): Route {
  return { method, path: new RegExp(`${path}/*$`), operation, action, run };
}

export function findOperation(method: string, pathname: string) {
  for (const candidate of routes) {
    const match = candidate.method === method ? candidate.path.exec(pathname) : null;
    if (match) return { operation: candidate, name: match.groups?.name, version: match.groups?.version };
  }
  return undefined;
}
