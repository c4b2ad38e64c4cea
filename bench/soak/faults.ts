import { faultAnswers } from "../../local/emulators/key-vault/emulator.ts";
import type { Behaviour, Fault } from "../../local/emulators/shared/emulator-server.ts";
import type { Stack } from "../../local/stack/stack.ts";
import { tableFaultAnswers } from "../../local/stack/storage-front.ts";
import type { Clocks } from "./clocks.ts";
import type { FaultKind } from "./plan.ts";

type End = () => unknown;

const slowMs = 1_500;
/** More than the five minutes of clock skew that Entra accepts. */
const skewMs = 600_000;

/** Each function begins a fault and returns a function that ends it. */
export function faultsOf(stack: Stack, clocks: Clocks): Record<FaultKind, () => End | Promise<End>> {
  const { keyVault, entra, storage } = stack;
  const inject = (behaviour: Behaviour, fault: Fault) => {
    behaviour.faults.push(fault);
    return () => behaviour.faults.splice(behaviour.faults.indexOf(fault), 1);
  };
  const vault = (fault: Fault) => () => inject(keyVault.behaviour, { operation: "KeySign", ...fault });
  const token = (fault: Fault) => () => inject(entra.behaviour, { operation: "token", ...fault });
  const ledger = (fault: Fault) => () => inject(storage.behaviour, fault);
  const down = (service: { stop(): Promise<void>; start(): Promise<void> }) => async () => {
    await service.stop();
    return () => service.start();
  };
  const skewed = (ms: number) => () => {
    clocks.setSkew(ms);
    return () => clocks.setSkew(0);
  };
  const busy = { status: 429, headers: { "retry-after": "1" }, body: { error: "temporarily_unavailable" } };
  return {
    "vault throttles": vault(faultAnswers.throttled),
    "vault fails": vault(faultAnswers.internalError),
    "vault cuts connections": vault({ drop: true }),
    "vault is slow": vault({ delayMs: slowMs }),
    "vault is down": down(keyVault),
    "Entra throttles": token(busy),
    "Entra is unavailable": token({ status: 503, body: { error: "temporarily_unavailable", error_codes: [90033] } }),
    "Entra cuts connections": token({ drop: true }),
    "Entra is slow": token({ delayMs: slowMs }),
    "Entra is down": down(entra),
    "ledger takes no intents": ledger({ operation: "InsertEntity", ...tableFaultAnswers.serverBusy }),
    "ledger takes no outcomes": ledger({ operation: "MergeEntity", ...tableFaultAnswers.serverBusy }),
    "ledger is slow": ledger({ delayMs: slowMs }),
    "Entra's clock is ahead": skewed(skewMs),
    "Entra's clock is behind": skewed(-skewMs),
  };
}
