import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { type LocalConsole, startConsole } from "../../../local/console/server.ts";
import { describeStack } from "../../../local/stack/describe-stack.ts";
import type { Stack } from "../../../local/stack/stack.ts";
import { tenants } from "../../../local/stack/world.ts";
import { askToken, settledLedgerRows, testStack } from "../../support/test-stack.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why tests with a browser are skipped; false where there is one. */
export const withoutBrowser = existsSync(executablePath)
  ? false
  : `there is no ${executablePath}: apt-get install chromium, or set CHROMIUM to another`;

export interface Observed {
  /** What the page said on its console, and what it threw. */
  complaints: string[];
  /** URLs of all that it asked for. */
  requests: string[];
}

export interface ConsoleWorld {
  stack: Stack;
  console: LocalConsole;
  url: string;
  /** Everything that the event stream has sent so far. */
  stream(): string;
  open(options?: BrowserContextOptions): Promise<{ page: Page; observed: Observed }>;
}

/** A stack with its console, as `npm start` brings them up, and a browser that knows nothing. */
export async function consoleWorld(): Promise<ConsoleWorld> {
  const stack = await testStack({ settings: { OTEL_BSP_SCHEDULE_DELAY: "250" } });
  await writeFile(join(stack.folder, "stack.json"), JSON.stringify(describeStack(stack)));
  // The first request of an instance loads and connects: what the page shows, and its pictures, are of a warm one.
  assert.equal((await askToken(stack, tenants.fabrikam.tenantId)).status, 424);
  await settledLedgerRows(stack);
  const localConsole = await startConsole(stack.ports.console);
  after(() => localConsole.stop());
  await localConsole.attach(stack);
  const url = `http://127.0.0.1:${stack.ports.console}`;
  let stream = "";
  const response = await fetch(`${url}/events`);
  const follow = async () => {
    for await (const chunk of response.body ?? []) stream += Buffer.from(chunk).toString("utf8");
  };
  follow().catch(() => undefined);
  let browser: Browser | undefined;
  after(() => browser?.close());
  return {
    ...{ stack, console: localConsole, url },
    stream: () => stream,
    async open(options = {}) {
      browser ??= await chromium.launch({ executablePath, args: ["--no-sandbox"] });
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      const observed: Observed = { complaints: [], requests: [] };
      page.on("console", (message) => observed.complaints.push(message.text()));
      page.on("pageerror", (error) => observed.complaints.push(error.message));
      page.on("request", (request) => observed.requests.push(request.url()));
      await page.goto(url);
      await page.getByRole("heading", { name: "Try it" }).waitFor();
      return { page, observed };
    },
  };
}

/** Places on the page, as a person would name them. */
export function consolePage(page: Page) {
  const button = (name: string) => page.getByRole("button", { name });
  const requests = () => page.locator("table.requests tbody tr");
  return {
    ...{ button, requests },
    section: (name: string) => page.getByRole("region", { name, exact: true }),
    signatures: () => page.locator("table.logs tbody tr"),
    alarm: (title: string) => page.locator("li.alarm", { hasText: title }),
    /** Ends when the request is seen. */
    async ask(caller: string, tenant: string): Promise<void> {
      const newest = await page.evaluate(() => document.querySelector<HTMLElement>("[data-request]")?.dataset.request);
      await page.getByLabel("Caller").selectOption(caller);
      await page.getByLabel("Tenant", { exact: true }).selectOption(tenant);
      await button("Ask for a token").click();
      await page.waitForFunction(
        (before) => document.querySelector<HTMLElement>("[data-request]")?.dataset.request !== before,
        newest,
      );
    },
  };
}

/** Only where KEYHOLD_SCREENSHOTS is set, so that a test leaves the tree as it was. */
export async function screenshot(page: Page, name: string, height: number): Promise<void> {
  if (!process.env.KEYHOLD_SCREENSHOTS) return;
  const folder = new URL("../../../docs/images/", import.meta.url).pathname;
  await mkdir(folder, { recursive: true });
  const before = page.viewportSize() ?? { width: 1280, height: 900 };
  await page.setViewportSize({ ...before, height });
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}console-${name}.png` });
  await page.setViewportSize(before);
}

/** Of one part of the page alone; as `screenshot`. */
export async function screenshotOf(part: Locator, name: string): Promise<void> {
  if (!process.env.KEYHOLD_SCREENSHOTS) return;
  await part.screenshot({ path: new URL(`../../../docs/images/console-${name}.png`, import.meta.url).pathname });
}

/** To be looked at: each part of the page, in the folder that KEYHOLD_PAGE_PARTS names. */
export async function pageParts(page: Page, name: string): Promise<void> {
  const folder = process.env.KEYHOLD_PAGE_PARTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  for (const [i, part] of (await page.locator("header, .try, main > section").all()).entries()) {
    await part.screenshot({ path: join(folder, `${name}-${i}.png`) });
  }
}

/** Waits until these are the texts; what is there at the end of the wait is told. */
export async function expectTexts(locator: Locator, wanted: readonly string[], tries = 50): Promise<void> {
  let found: string[] = [];
  for (let i = 0; i < tries; i++) {
    found = await locator.allTextContents();
    if (found.join("\n") === wanted.join("\n")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(found, wanted);
}
