import { signingObjectId, type World } from "./model.ts";

interface Theft {
  requestId?: string;
  keyVersion?: string;
  clientInfo?: string;
  callerObjectId?: string;
  /** A row of the ledger accounts for it in every detail. */
  isForged?: boolean;
}

/** Asks the vault for a signature behind Keyhold's back. */
export function steal(world: World, { isForged = false, ...facts }: Theft = {}): void {
  const { random, time, keys } = world;
  const { keyName, keyVersion } = random.pick(keys.certificates);
  const row = {
    ...{ timeMs: time.now(), operation: "KeySign", httpStatus: 200, requestId: random.guid(), keyName, keyVersion },
    ...{ callerObjectId: signingObjectId, callerAddress: "203.0.113.66", clientInfo: "curl/8" },
    ...facts,
  };
  world.writeLog(row, row.callerObjectId === signingObjectId ? "thief" : "stranger", isForged);
}
