import { app, type TimerFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";

/** Compares the ledger with the vault's own log and the sign rate with its baseline, every five minutes. */
export const recordSignRate: TimerFunctionOptions = {
  schedule: "30 */5 * * * *",
  handler: () => keyhold.recordSignRate(),
};

app.timer("recordSignRate", recordSignRate);
