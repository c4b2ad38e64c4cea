import { app, type TimerFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";

/** Asks the identity providers for their metadata, hourly (Entra's advice), some seconds after the minute by chance. */
export const refreshMetadata: TimerFunctionOptions = {
  schedule: "0 17 * * * *",
  handler: () => keyhold.refreshMetadata(),
};

app.timer("refreshMetadata", refreshMetadata);
