import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { consolePage, consoleWorld, pageParts, screenshot, screenshotOf, withoutBrowser } from "./console-world.ts";

/** What a newcomer does on the page, in their order: each action, and what is seen of it. */
describe("the console in a browser", { skip: withoutBrowser }, async () => {
  const world = await consoleWorld();
  const { page, observed } = await world.open();
  const { button, section, requests, signatures, alarm, ask } = consolePage(page);

  let mintedMs = 0;

  test("a requested token is minted through ledger, vault and Entra, and both logs agree", async () => {
    await ask("billing-service", "contoso");
    const steps = page.locator(".sequence .step");
    await steps.nth(4).waitFor();
    assert.deepEqual(
      (await steps.locator(".text").allTextContents()).map((text) => text.trim()),
      ["token", "intent, before", "sign this SHA\u2011256", "client assertion", "token"],
    );
    await requests().filter({ hasText: "minted" }).waitFor();
    await signatures().filter({ hasText: "matched" }).filter({ hasText: "billing-service contoso" }).waitFor();
    assert.equal(await page.locator("tr.unaccounted").count(), 0);
    await page.locator(".outcome", { hasText: "200: a token that lives" }).waitFor();
    mintedMs = Date.now();
    await screenshotOf(section("How a token was issued"), "first-token");
  });

  test("the same request again is answered from the cache, and costs no signature", async () => {
    const before = await signatures().count();
    await ask("billing-service", "contoso");
    assert.match((await requests().first().textContent()) ?? "", /cached/);
    await page.locator(".sequence .note", { hasText: "cached" }).waitFor();
    assert.equal(await signatures().count(), before);
  });

  test("a refusal shows the reason that is hidden from the caller", async () => {
    await ask("visitor-service", "contoso");
    await requests().filter({ hasText: "refused" }).filter({ hasText: "not granted, no grant" }).waitFor();
    await page.locator(".outcome", { hasText: "403 access_denied: Keyhold: no grant for this caller" }).waitFor();
    await ask("billing-service", "fabrikam");
    const row = requests().filter({ hasText: "tenant not consented, AADSTS7000229" });
    await row.filter({ hasText: "billing-service" }).waitFor();
  });

  test("an earlier request is shown again by its time, with the keyboard too", async () => {
    await requests().last().getByRole("button").focus();
    await page.keyboard.press("Enter");
    assert.equal(await requests().last().getByRole("button").getAttribute("aria-pressed"), "true");
    await page.locator(".sequence", { hasText: "minted" }).waitFor();
  });

  test("a stolen signature is unaccounted at once, and raises an alarm of severity 0 with the runbook's text", async () => {
    await button("Steal a signature").click();
    await page.locator("tr.unaccounted", { hasText: "thief" }).waitFor();
    await page
      .getByRole("alert")
      .filter({ hasText: "severity 0: unaccounted signature" })
      .waitFor({ state: "attached" });
    const entry = alarm("unaccounted signature");
    await entry.getByText("What to do").click();
    await entry.getByText("The vault signed for our identity, and no row of the ledger explains it.").waitFor();
    await section("The worst alarm").getByText("Severity 0: unaccounted signature").waitFor();
    await entry.getByText("In Azure this fires when the rule app-0 finds it once.").waitFor();
    await screenshot(page, "stolen-signature", 1080);
    await entry.getByText("What to do").click();
    await button("Dismiss").click();
    await section("The worst alarm").waitFor({ state: "detached" });
  });

  test("a finding is acknowledged by the operators' own command, with a reason", async () => {
    const entry = alarm("unaccounted signature");
    await entry.getByLabel("Why it is known").fill("--help me; $(id) 'quoted'");
    await entry.getByRole("button", { name: "Acknowledge" }).click();
    await entry.getByText("Acknowledged: --help me; $(id) 'quoted'").waitFor();
    const notes = await readFile(world.stack.policyFile.replace(/\.json$/, ".findings.json"), "utf8");
    const { acknowledgements } = JSON.parse(notes) as { acknowledgements: { reason: string }[] };
    assert.deepEqual(
      acknowledgements.map(({ reason }) => reason),
      ["--help me; $(id) 'quoted'"],
    );
  });

  test("an action that cannot start yet shows at its button what must end first, and no longer after that", async () => {
    await button("Steal a signature").click();
    await button("Cut the vault’s log").click();
    const blocked = page.locator(".act", { hasText: "Cut the vault’s log" }).getByRole("alert");
    await blocked.getByText(/^".+" is running and has to end first$/).waitFor();
    assert.equal(await page.locator(".act").getByRole("alert").count(), 1, "at that button alone");
    await blocked.waitFor({ state: "detached", timeout: 60_000 });
  });

  for (const [name, title, outcome] of [
    ["Cut the vault’s log", "missing record", "A row is cut"],
    ["Sign far too much", "sign rate above", "Far more signatures"],
  ] as const) {
    test(`"${name}" raises the alarm ${title}`, async () => {
      await button(name).click();
      await alarm(title).waitFor({ timeout: 60_000 });
      await page.locator(".outcome.done", { hasText: outcome }).waitFor({ timeout: 60_000 });
    });
  }

  test("a row that was cut from the vault's log stays marked as cut, beside its alarm", async () => {
    const id =
      (await alarm("missing record")
        .locator("dd")
        .filter({ hasText: /^[0-9a-f-]{36}$/ })
        .first()
        .textContent()) ?? "-";
    const row = page.locator("tr.missing", { hasText: "no row: it was cut" });
    await row.getByTitle(id).waitFor();
  });

  test("ids are copied completely", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copy = page.locator(".sequence").getByRole("button", { name: "Copy the correlation id" });
    await copy.click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^[0-9a-f-]{36}$/);
    assert.match((await copy.textContent()) ?? "", new RegExp(copied));
  });

  test("a stopped vault is shown as down, new tokens fail, and everything works when it is back", async () => {
    await button("Stop Key Vault").click();
    await page.locator(".services .down", { hasText: "Key Vault down" }).waitFor();
    await page.getByLabel("Resource").selectOption({ label: "orders.example" });
    await ask("billing-service", "contoso");
    await requests().first().filter({ hasText: "signer unavailable" }).waitFor();
    await button("Start Key Vault").click();
    await page.locator(".services .up", { hasText: "Key Vault up" }).waitFor();
    await alarm("signer unavailable").waitFor();
  });

  for (const [name, service] of [
    ["Entra", "entra"],
    ["storage", "storage"],
  ] as const) {
    test(`${name} can be stopped and started`, async () => {
      await button(`Stop ${name}`).click();
      await button(`Start ${name}`).waitFor();
      const { signal } = new AbortController();
      const running = async () => (await fetch(`${world.stack.controlUrl}/stack/services`, { signal })).json();
      assert.equal(((await running()) as Record<string, boolean>)[service], false);
      await button(`Start ${name}`).click();
      await button(`Stop ${name}`).waitFor();
    });
  }

  test("input that is not offered is refused, and so is the same action while it runs", async () => {
    const post = async (name: string, body: string) => {
      const headers = { origin: world.url, "content-type": "application/json" };
      const response = await fetch(`${world.url}/actions/${name}`, { method: "POST", headers, body });
      return response.status;
    };
    const input = {
      caller: "billing-service",
      tenant: "contoso",
      scope: "https://graph.microsoft.com/.default",
      fresh: false,
    };
    for (const bad of [
      { tenant: "nobody" },
      { scope: "https://attacker.example/.default" },
      { caller: "; id" },
      { more: 1 },
    ]) {
      assert.equal(await post("ask-token", JSON.stringify({ ...input, ...bad })), 400);
    }
    for (const body of ["", "{", "[]", "null", `"${"x".repeat(20_000)}"`])
      assert.equal(await post("ask-token", body), 400);
    assert.equal(await post("set-tenant-state", JSON.stringify({ tenant: "contoso", verb: "--help" })), 400);
    const twice = await Promise.all([post("check-credentials", "{}"), post("check-credentials", "{}")]);
    assert.deepEqual(twice.sort(), [202, 409]);
    const finding = { id: "0123456789abcdef0123456789abcdef", reason: "known" };
    for (const bad of [{ id: "--help" }, { reason: "" }, { auditTable: "../policy" }, { auditTable: "keyholdledger" }])
      assert.equal(await post("acknowledge-finding", JSON.stringify({ ...finding, ...bad })), 400);
    await page.locator(".outcome.done", { hasText: "has minted a canary token" }).waitFor();
    await page.locator("table.certificates", { hasText: "token issued" }).waitFor();
  });

  test("a year is evaluated, played, and shows the alarms of its incidents", async () => {
    await button("Show the year").click();
    const jumps = page.getByRole("list", { name: "Alarms of the year" }).getByRole("button");
    await jumps.first().waitFor({ timeout: 30_000 });
    assert.match(
      (await page.locator(".jumps").textContent()) ?? "",
      /somebody who signs in the small hours of a Sunday/,
    );
    await jumps.first().click();
    const time = page.locator(".player output");
    const before = await time.textContent();
    await button("Play").click();
    await page.waitForFunction((text) => document.querySelector(".player output")?.textContent !== text, before);
    await button("Pause").click();
  });

  test("waits between attempts are displayed as waits", async () => {
    world.stack.keyVault.behaviour.faults.push({ operation: "KeySign", times: 1, status: 429 });
    await page.getByLabel("Resource").selectOption({ label: "orders.example" });
    await ask("billing-service", "contoso");
    await page.locator(".sequence .step.wait", { hasText: /waits\s+\d+ ms/ }).waitFor();
    await page.locator(".bar .waiting").first().waitFor({ state: "attached" });
  });

  /** What is folded is looked at too. */
  const setDetails = (open: boolean) =>
    page.evaluate((isOpen) => {
      for (const details of document.querySelectorAll("details")) details.open = isOpen;
    }, open);
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      test(`it is accessible and fits at ${width} px, ${colorScheme}`, async () => {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
        await page.emulateMedia({ colorScheme });
        if (colorScheme === "dark" && width === 1280) await screenshot(page, "dark", 1080);
        if (colorScheme === "light" && width === 390) await screenshot(page, "phone", 1400);
        await pageParts(page, `${width}-${colorScheme}`);
        await setDetails(true);
        // Evaluated by the debugger, past the page's own policy, which would not let a foreign script in.
        await page.evaluate(`window.axe ?? (0, function(){${await readFile(axe, "utf8")}}).call(window)`);
        const { violations } = (await page.evaluate("axe.run()")) as {
          violations: { id: string; nodes: { html: string }[] }[];
        };
        assert.deepEqual(
          violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
          [],
        );
        const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        await setDetails(false);
        assert.ok(overhang <= 0, `nothing hangs over the edge: ${overhang} px`);
      });
    }
  }

  test("a fresh token is minted although one is cached, and a second one within a minute is explained", async () => {
    // Keyhold mints one a minute at most, and the first test has had one minted.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, mintedMs + 61_000 - Date.now())));
    const fresh = page.locator(".outcome.done", { hasText: "asks for a fresh token" });
    await page.getByLabel("Caller").selectOption("billing-service");
    await page.getByLabel("Tenant", { exact: true }).selectOption("contoso");
    await page.getByLabel("Resource").selectOption({ label: "graph.microsoft.com" });
    await button("Get a fresh token").click();
    await fresh.waitFor();
    await requests().first().filter({ hasText: "minted" }).waitFor();
    await button("Get a fresh token").click();
    await fresh.getByText("it was minted less than a minute ago, so the cached one is served").waitFor();
  });

  test("neither the page nor the stream contains a token, an assertion or a key's URL", async () => {
    const dom = await page.content();
    assert.ok(world.stream().length > 10_000, "the stream was followed");
    for (const [name, text] of [
      ["page", dom],
      ["stream", world.stream()],
    ] as const) {
      assert.doesNotMatch(text, /eyJ/, name);
      assert.doesNotMatch(text, /vault\.azure\.net\/keys/, name);
      assert.doesNotMatch(text, /\[removed\]/, `${name}: nothing had to be removed`);
    }
  });

  test("the page sent requests only to its own server, and its console stayed empty", () => {
    assert.ok(observed.requests.length > 10);
    assert.deepEqual(
      observed.requests.filter((url) => !url.startsWith(`${world.url}/`) && !url.startsWith("data:")),
      [],
    );
    // A browser reports by itself what was refused because something else was running.
    assert.deepEqual(
      observed.complaints.filter((text) => !text.endsWith("status of 409 (Conflict)")),
      [],
    );
  });

  test("the page shows when the stack has ended", async () => {
    await world.console.stop();
    await page.getByText("Not connected: does npm start still run?").waitFor();
  });
});
