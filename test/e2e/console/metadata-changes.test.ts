import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { consolePage, consoleWorld, expectTexts, withoutBrowser } from "./console-world.ts";

/** The provider changes its keys, and somebody lies about them; each refresh begins after up to ten seconds. */
describe("keys that change, in the console", { skip: withoutBrowser }, async () => {
  const world = await consoleWorld();
  const { page, observed } = await world.open();
  const { button, requests, alarm, ask } = consolePage(page);
  const states = () => page.locator("#keys .source", { hasText: "home tenant" }).locator("li .state");

  test("a first token is minted", async () => {
    await ask("billing-service", "contoso");
    await requests().filter({ hasText: "minted" }).waitFor();
  });

  test("no caller is refused while the provider rolls keys and finally withdraws them", async () => {
    await button("Roll Entra’s key").click();
    await page.locator("#keys li.active").first().waitFor();
    await page.locator(".outcome.done", { hasText: "The provider rolls its signing key" }).waitFor({ timeout: 60_000 });
    // The page looks twice a second.
    await expectTexts(states(), ["gone", "gone", "signs now"]);
    const outcome = await page.locator(".outcome.done").first().textContent();
    assert.match(
      outcome ?? "",
      /a caller, by a cached token.*right after.*idp\.xml has the new key alone.*right after/,
    );
  });

  test("the command line requests a refresh, and the page shows the app's result", async () => {
    const { httpUrl } = world.stack.functions;
    const done = page.locator(".outcome.done", { hasText: "keyhold metadata refresh" });
    await button("Refresh metadata").click();
    // The command looks every two seconds.
    for (let i = 0; i < 200 && !(await done.isVisible()); i++) {
      await fetch(`${httpUrl}/admin/functions/checkMetadata?wait=true`, { method: "POST", body: "{}" });
    }
    assert.match((await done.textContent()) ?? "", /verified, nothing changed/);
  });

  test("a man in the middle gets no request, the known keys stay, and an alarm reports it", async () => {
    const keys = await page.locator("#keys .keys li").allTextContents();
    await button("Stand in the middle").click();
    await page.locator(".outcome.done", { hasText: "0 requests reached the attacker" }).waitFor({ timeout: 60_000 });
    await alarm("tls not trusted").first().waitFor();
    await expectTexts(page.locator("#keys .keys li"), keys);
    // The first is minted anew, since the provider has withdrawn the key of the cached one.
    await ask("billing-service", "contoso");
    await ask("billing-service", "contoso");
    assert.match((await requests().first().textContent()) ?? "", /cached/);
  });

  test("no secret was shown, and the page's own console stayed empty", async () => {
    assert.deepEqual(observed.complaints, []);
    assert.doesNotMatch(world.stream() + (await page.content()), /eyJ|vault\.azure\.net\/keys|\[removed\]/);
  });
});
