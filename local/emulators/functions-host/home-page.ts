/** The host's own answer at `/`, for any method: a page, or nothing if the app settings disable it. */
import type { ServerResponse } from "node:http";
import { sendEmpty, sendText } from "./answers.ts";

/** The page in Azure has about 150 kB. Here only its existence matters. */
const page = "<!doctype html><title>Functions</title><p>The stand-in for the Azure Functions host is running.</p>\n";

/** `disabled` is the app setting AzureWebJobsDisableHomepage. */
export function sendHomePage(response: ServerResponse, disabled: string | undefined): void {
  if (disabled?.toLowerCase() === "true") sendEmpty(response, 204);
  else sendText(response, "text/html", page);
}
