import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";

export interface Machine {
  processor: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  packages: Record<string, string>;
  /**
   * Runnable processes, averaged over the last minute. A value well above 0 at the start means that other work was
   * running.
   */
  loadAtStart: number;
}

const packages = [
  "@azure/data-tables",
  "@azure/functions",
  "@azure/identity",
  "@azure/keyvault-keys",
  "@azure/msal-node",
  "autocannon",
  "azurite",
  "esbuild",
  "jose",
  "lru-cache",
  "oauth4webapi",
];

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() || "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    loadAtStart: Math.round(10 * (loadavg()[0] ?? 0)) / 10,
  };
}

export function machineSentence({ processor, cores, memoryGb, system, node }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}`;
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
