import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { consolePage, consoleWorld, withoutBrowser } from "./console-world.ts";

/** The policy changes, and Keyhold re-reads it when half a minute has passed. */
describe("a policy that changes, in the console", { skip: withoutBrowser }, async () => {
  const world = await consoleWorld();
  const { page, observed } = await world.open();
  const { button, requests, ask } = consolePage(page);

  /** Ends when the action waits for Keyhold to re-read its policy, and that time is over. */
  const passRereading = async () => {
    await page.locator(".outcome", { hasText: "Keyhold re-reads its policy" }).waitFor();
    await world.stack.passTime(30_000);
  };

  test("a first token is minted", async () => {
    await ask("billing-service", "contoso");
    await requests().filter({ hasText: "minted" }).waitFor();
  });

  test("a new certificate waits for its canary and then signs, and the previous one retires", async () => {
    await button("Stage a certificate").click();
    await passRereading();
    await page.locator(".outcome.done", { hasText: "it signs from now on" }).waitFor();
    const states = page.locator("table.certificates .state");
    await states.filter({ hasText: "retiring" }).waitFor();
    assert.deepEqual(await states.allTextContents(), ["retiring", "active"]);
  });

  test("a suspended tenant is refused, cached tokens included, and served again after it is resumed", async () => {
    await page.getByLabel("Tenant to suspend or resume").selectOption("contoso");
    await button("Suspend contoso").click();
    await passRereading();
    await page.locator(".outcome.done", { hasText: "in force after" }).waitFor();
    await page.getByLabel("Resource").selectOption({ label: "graph.microsoft.com" });
    await ask("billing-service", "contoso");
    await requests().first().filter({ hasText: "not granted, tenant suspended" }).waitFor();
    await button("Resume contoso").waitFor();
  });

  test("no secret was shown, and the page's own console stayed empty", async () => {
    assert.deepEqual(observed.complaints, []);
    assert.doesNotMatch(world.stream() + (await page.content()), /eyJ|vault\.azure\.net\/keys|\[removed\]/);
  });
});
