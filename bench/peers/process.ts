/** A process that uses a library, as a service would. It takes orders over its IPC channel until that is closed. */
import { type Library, libraries } from "./libraries.ts";
import { createVaultAssertion, type VaultKey } from "./vault-assertion.ts";

export interface PeerSetup {
  library: Library;
  key: VaultKey;
}

/** A number of requests over the tenants in turn, or as many as possible in a number of seconds. */
export interface PeerOrder {
  tenantIds: string[];
  atATime: number;
  requests?: number;
  seconds?: number;
}

export interface PeerReport {
  requests: number;
  requestsPerSecond: number;
  /** Milliseconds of each request. */
  latencies: number[];
  /** Number of failures by message. */
  failures: Record<string, number>;
}

const { library, key } = JSON.parse(process.argv[2] ?? "") as PeerSetup;
const getToken = libraries[library](createVaultAssertion(key));

process.on("message", async (order: PeerOrder) => process.send?.(await carryOut(order)));
process.on("disconnect", () => process.exit(0));

async function carryOut({ tenantIds, atATime, requests, seconds }: PeerOrder): Promise<PeerReport> {
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const startedMs = performance.now();
  const endMs = startedMs + 1_000 * (seconds ?? Number.POSITIVE_INFINITY);
  let asked = 0;
  const loop = async () => {
    while (asked < (requests ?? Number.POSITIVE_INFINITY) && performance.now() < endMs) {
      const tenantId = tenantIds[asked++ % tenantIds.length] ?? "";
      const beganMs = performance.now();
      try {
        await getToken(tenantId);
        latencies.push(performance.now() - beganMs);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        failures[message] = (failures[message] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, loop));
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  return { requests: latencies.length, requestsPerSecond: latencies.length / tookSeconds, latencies, failures };
}
