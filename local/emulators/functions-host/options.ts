/** The command line of the host. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import { parseLimits } from "./platform.ts";

/** @throws Error if an option is missing or wrong. */
export async function readOptions() {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      ...{ root: text, http: text, https: text, cert: text, key: text, limits: text },
      "strict-log": { type: "boolean", default: false },
    },
  });
  if (values.root === undefined || values.http === undefined) throw new Error("--root and --http are required");
  if (values.https !== undefined && (!values.cert || !values.key)) throw new Error("--https needs --cert and --key");
  return {
    root: resolve(values.root),
    http: parsePort("--http", values.http),
    https: values.https === undefined ? undefined : parsePort("--https", values.https),
    limits: parseLimits(values.limits ?? "{}"),
    strictLog: values["strict-log"],
    tls: values.cert && values.key ? await readIdentity(values.cert, values.key) : undefined,
  };
}

function parsePort(option: string, value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535) throw new Error(`${option} must be a port number, not "${value}"`);
  return port;
}

async function readIdentity(cert: string, key: string): Promise<TlsIdentity> {
  return { certificate: await readFile(cert, "utf8"), privateKey: await readFile(key, "utf8") };
}
