/** What the host itself answers at `/`, whatever the method: a page, or nothing where the app settings switch it off. */
import type { ServerResponse } from "node:http";
import { sendEmpty, sendText } from "./answers.ts";

/** The page of Azure has some 150 kB; only that there is one matters here. */
const page = "<!doctype html><title>Functions</title><p>The stand-in for the Azure Functions host is running.</p>\n";

/** `disabled` is the app setting AzureWebJobsDisableHomepage. */
export function sendHomePage(response: ServerResponse, disabled: string | undefined): void {
  if (disabled?.toLowerCase() === "true") sendEmpty(response, 204);
  else sendText(response, "text/html", page);
}
