import { app, type TimerFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";

/** Canaries, promotion, expiry and drift of the credentials that clients have, every hour. */
export const checkCredentials: TimerFunctionOptions = {
  schedule: "0 47 * * * *",
  handler: () => keyhold.checkCredentials(),
};

app.timer("checkCredentials", checkCredentials);
