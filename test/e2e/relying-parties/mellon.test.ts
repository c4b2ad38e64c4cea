/**
 * The updater against a real Apache with mod_auth_mellon: logins succeed through key rollovers and with any answer of a
 * publisher, or of an attacker in its place. Apache is never reloaded.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "../../../local/relying-parties/browser.ts";
import { mellonPackages, requirementsOf } from "../../../local/relying-parties/debian-packages.ts";
import { startMellon } from "../../../local/relying-parties/mellon.ts";
import { skipWithout } from "../../support/requirements.ts";
import { type KeyWithCertificate, makeIssuedSigner } from "./fixtures/certificates.ts";
import { openLab } from "./fixtures/lab.ts";
import { inSeconds } from "./fixtures/metadata.ts";
import { poisonedDocuments } from "./fixtures/poisoned-documents.ts";
import { startPublisher } from "./fixtures/publisher.ts";
import { runUpdater } from "./fixtures/updater.ts";

const skip = skipWithout(...requirementsOf(mellonPackages));

describe("Apache with mod_auth_mellon and keyhold-mellon-update", { skip }, async () => {
  if (skip) return;
  const lab = await openLab("mellon");
  after(() => lab.close());
  const { entityId, expiredPublisher, folder, idp, keyA, keyB, keyC, nextPublisher, publisher, publisherKey } = lab;
  const { attacker, tls, user } = lab;

  const metadataFolder = join(folder, "metadata");
  mkdirSync(metadataFolder);
  const metadataFile = join(metadataFolder, "idp.xml");
  const certificates = [publisherKey, nextPublisher, expiredPublisher].map(({ certificate }) => certificate.trim());
  const publisherCert = lab.write("publisher.pem", `${certificates.join("\n")}\n`);
  const configFile = lab.write(
    "keyhold-mellon.conf",
    [
      "\ufeff# where the metadata comes from; the BOM is what an editor of Windows puts in front",
      `url = ${publisher.url}`,
      `ca-file=${lab.write("roots.pem", tls.root)}`,
      `entity-id = ${entityId}`,
      `target = ${metadataFile}`,
      `publisher-cert = ${publisherCert}`,
      "",
    ].join("\n"),
  );

  const update = (settings = {}, environment = {}, flags: string[] = []) =>
    runUpdater({ config: configFile, ...settings }, environment, flags);
  const document = (keys: KeyWithCertificate[], validUntil?: string): string =>
    lab.document(keys, publisherKey, validUntil);

  async function publish(keys: KeyWithCertificate[]): Promise<string> {
    publisher.serve(document(keys));
    const { code, log } = await update();
    assert.equal(code, 0, log);
    return log;
  }

  const firstLog = await publish([keyA]);
  const apache = await startMellon({ folder, key: lab.spKey, metadataFile, publisherCertFile: publisherCert });
  lab.cleanUps.push(apache.stop);
  idp.register(apache);

  async function login(): Promise<Browser> {
    const browser = new Browser(tls.root);
    assert.deepEqual(await browser.login(apache.secretUrl), { status: 200, user }, apache.log());
    return browser;
  }

  /**
   * Every visitor logs in anew, `pauseMs` after the last time, while `work` is done, and done again until so many logins
   * were `wanted`; every login has to succeed.
   */
  async function whileLoggingIn(visitors: number, pauseMs: number, wanted: number, work: () => Promise<void>) {
    const browser = () => new Browser(tls.root).login(apache.secretUrl);
    let isDone = false;
    let logins = 0;
    const failures: unknown[] = [];
    const visit = async (): Promise<void> => {
      do {
        const result = await browser();
        if (result.status === 200 && result.user === user) logins += 1;
        else failures.push(result);
        await sleep(pauseMs);
      } while (!isDone);
    };
    const all = Array.from({ length: visitors }, visit);
    try {
      do await work();
      while (logins < wanted && failures.length === 0);
    } finally {
      isDone = true;
      await Promise.all(all);
    }
    assert.deepEqual(failures, [], apache.log());
  }

  /** What must not change when a run is refused: the bytes, and the file itself. */
  function snapshot() {
    const { ino, mtimeMs, mode } = statSync(metadataFile);
    return { bytes: readFileSync(metadataFile, "utf8"), ino, mtimeMs, mode, files: readdirSync(metadataFolder) };
  }

  async function assertKept(
    run: () => ReturnType<typeof update>,
    code: number,
    reason: string | RegExp,
  ): Promise<void> {
    const before = snapshot();
    const result = await run();
    if (reason instanceof RegExp) assert.match(result.log.replace("keyhold-mellon-update: ", ""), reason);
    else assert.equal(result.log, `keyhold-mellon-update: ${reason}; ${metadataFile} kept\n`);
    assert.equal(result.code, code);
    assert.deepEqual(snapshot(), before);
  }

  test("the first run writes the file, readable for everyone, and reports the new key", async () => {
    assert.match(firstLog, new RegExp(`updated: keys 1, added ${keyA.fingerprint}, removed none, validUntil 2`));
    assert.equal(statSync(metadataFile).mode & 0o777, 0o644);
    await login();
  });

  test("an unchanged document is not written again", async () => {
    const before = snapshot();
    const { code, log } = await update();
    assert.match(log, /^keyhold-mellon-update: unchanged: keys 1, validUntil 2\S+\n$/);
    assert.equal(code, 0);
    assert.deepEqual(snapshot(), before);
  });

  test("through a rollover and an emergency replacement every login succeeds, and old sessions stay", async () => {
    idp.signWith(keyA);
    await publish([keyA]);
    const sessions = [await login()];

    assert.match(await publish([keyA, keyB]), new RegExp(`keys 2, added ${keyB.fingerprint}, removed none,`));
    sessions.push(await login());
    idp.signWith(keyB);
    sessions.push(await login());

    assert.match(await publish([keyB]), new RegExp(`keys 1, added none, removed ${keyA.fingerprint},`));
    sessions.push(await login());
    idp.signWith(keyA);
    const withRetiredKey = await new Browser(tls.root).login(apache.secretUrl);
    assert.equal(withRetiredKey.status, 400, "the retired key is retired in Mellon too");

    idp.signWith(keyC);
    assert.equal((await new Browser(tls.root).login(apache.secretUrl)).status, 400, "Mellon does check the signature");
    const replaced = `keys 1, added ${keyC.fingerprint}, removed ${keyB.fingerprint},`;
    assert.match(await publish([keyC]), new RegExp(replaced));
    sessions.push(await login());

    const statuses = await Promise.all(sessions.map((session) => session.status(apache.secretUrl)));
    assert.deepEqual(
      statuses,
      sessions.map(() => 200),
    );
    assert.ok(apache.isRunning());
  });

  test("the publisher changes its certificate, and no login fails", async () => {
    idp.signWith(keyA);
    publisher.serve(lab.document([keyA], nextPublisher));
    assert.equal((await update()).code, 0);
    await login();
    await publish([keyA]);
    await login();
  });

  test("a document that the publisher signed earlier is refused, so that no attacker can bring back a withdrawn key", async () => {
    const earlier = document([keyA, keyB], inSeconds(86_400 - 120));
    await publish([keyB]);
    publisher.serve(earlier);
    await assertKept(() => update(), 4, /^refused: older than the document in place: validUntil \S+, in place \S+;/);
    const byHand = join(folder, "earlier.xml");
    writeFileSync(byHand, earlier);
    assert.equal((await update({ check: byHand })).code, 4, "the check by hand says the same");
  });

  test("an operator can load an older document on purpose", async () => {
    publisher.serve(document([keyA], inSeconds(3600)));
    const { code, log } = await update({}, {}, ["--allow-older"]);
    assert.match(log, new RegExp(`updated: keys 1, added ${keyA.fingerprint}, removed ${keyB.fingerprint}, `));
    assert.equal(code, 0);
    await publish([keyA]);
  });

  test("two documents that were signed at almost the same time may arrive in either order", async () => {
    publisher.serve(document([keyA], inSeconds(86_400 - 30)));
    assert.equal((await update()).code, 0);
  });

  test("every poisoned document is refused, the file stays, and logins still succeed", async () => {
    idp.signWith(keyA);
    await publish([keyA]);
    await whileLoggingIn(1, 200, 10, async () => {
      const cast = { content: lab.content([keyA]), publisher: publisherKey, expiredPublisher, attacker };
      for (const { body, reason } of poisonedDocuments(cast)) {
        publisher.serve(body);
        const isOversize = body.length > 1_048_576;
        const expected = isOversize ? "not fetched: larger than 1048576 bytes or no space" : `refused: ${reason}`;
        await assertKept(() => update(), isOversize ? 3 : 4, expected);
      }
    });
  });

  test("every poisoned answer is refused, the file stays, and logins still succeed", async () => {
    const good = document([keyA]);
    await whileLoggingIn(1, 200, 1, async () => {
      publisher.answerWith((_request, response) => {
        response.writeHead(302, { location: `${publisher.url}?again` }).end(good);
      });
      const requestsBefore = publisher.requests;
      await assertKept(() => update(), 3, "not fetched: HTTP status 302");
      assert.equal(publisher.requests, requestsBefore + 1, "the redirect was not followed");

      for (const status of [204, 404, 503]) {
        publisher.answerWith((_request, response) => {
          response.writeHead(status).end(status === 204 ? undefined : good);
        });
        await assertKept(() => update(), 3, `not fetched: HTTP status ${status}`);
      }

      publisher.answerWith((_request, response) => {
        response.writeHead(200, { "content-length": good.length + 100 });
        response.write(good, () => response.destroy());
      });
      await assertKept(() => update(), 3, "not fetched: curl 18");

      publisher.answerWith((_request, response) => {
        response.writeHead(200);
        const block = Buffer.alloc(65_536, " ");
        const more = (): void => {
          if (!response.destroyed) response.write(block, more);
        };
        response.write(good, more);
      });
      await assertKept(() => update(), 3, "not fetched: larger than 1048576 bytes or no space");

      for (const [name, code] of [
        ["unknownAuthority", 60],
        ["selfSigned", 60],
        ["wrongHost", 60],
        ["expired", 60],
      ] as const) {
        const impostor = await startPublisher(tls[name]);
        impostor.serve(good);
        const reason = `not fetched: the TLS server is not trusted (curl ${code})`;
        await assertKept(() => update({ url: impostor.url }), 3, reason);
        assert.equal(impostor.requests, 0, `${name} saw no request`);
        await impostor.close();
      }
      await assertKept(() => update({ url: "https://127.0.0.1:1/idp.xml" }), 3, "not fetched: curl 7");
    });
  });

  test("no setting of the user or the environment bypasses the configured roots", async () => {
    const impostor = await startPublisher(tls.unknownAuthority);
    impostor.serve(document([keyA]));
    const home = join(folder, "home");
    mkdirSync(home);
    writeFileSync(join(home, ".curlrc"), "insecure\nlocation\n");
    const foreignRoot = join(folder, "foreign-root.pem");
    writeFileSync(foreignRoot, tls.foreignRoot);
    const environment = {
      HOME: home,
      CURL_HOME: home,
      CURL_CA_BUNDLE: foreignRoot,
      SSL_CERT_FILE: foreignRoot,
      https_proxy: "http://127.0.0.1:1",
      ALL_PROXY: "http://127.0.0.1:1",
    };
    const reason = "not fetched: the TLS server is not trusted (curl 60)";
    await assertKept(() => update({ url: impostor.url }, environment), 3, reason);
    await impostor.close();
    publisher.serve(document([keyA]));
    assert.equal((await update({}, environment)).code, 0, "and they do not keep the updater from its publisher");
  });

  test("a failure after a long time without a good run has its own exit code", async () => {
    publisher.answerWith((_request, response) => response.writeHead(503).end());
    assert.equal((await update({ "max-age": "3600" })).code, 3);
    writeFileSync(join(metadataFolder, ".idp.xml.lock"), `${Math.floor(Date.now() / 1000) - 7200}\n`);
    const { code, log } = await update({ "max-age": "3600" });
    assert.match(log, /HTTP status 503; last good run 72\d\d s ago, more than max-age 3600 s; .* kept\n$/);
    assert.equal(code, 5);
    publisher.serve(document([keyA]));
    assert.equal((await update({ "max-age": "3600" })).code, 0);
    publisher.answerWith((_request, response) => response.writeHead(503).end());
    assert.equal((await update({ "max-age": "3600" })).code, 3);
  });

  test("of two concurrent runs one does the work and the other exits", async () => {
    let release = (): void => {};
    const requested = new Promise<void>((resolve) => {
      publisher.answerWith((_request, response) => {
        release = () => response.end(document([keyA, keyB]));
        resolve();
      });
    });
    const first = update();
    await requested;
    const second = await update();
    assert.equal(second.log, `keyhold-mellon-update: another run is at work on ${metadataFile}\n`);
    assert.equal(second.code, 6);
    release();
    assert.equal((await first).code, 0);
  });

  test("the files that a killed run left are removed by the next", async () => {
    writeFileSync(join(metadataFolder, ".idp.xml.new.abcdef"), "half a docu");
    await publish([keyA]);
    assert.deepEqual(readdirSync(metadataFolder).sort(), [".idp.xml.lock", "idp.xml"]);
  });

  test("a file that Apache cannot read is replaced even if its content is the same", async () => {
    chmodSync(metadataFile, 0o600);
    assert.match((await update()).log, /updated: keys 1, added none, removed none/);
    assert.equal(statSync(metadataFile).mode & 0o777, 0o644);
  });

  test("no login fails while the updater swaps the file 20 times", async () => {
    idp.signWith(keyA);
    await whileLoggingIn(2, 200, 20, async () => {
      for (let swap = 0; swap < 20; swap += 1) await publish(swap % 2 === 0 ? [keyA, keyB] : [keyA]);
    });
    assert.ok(apache.isRunning());
  });

  test("Mellon accepts a signature under a system root if OpenSSL has roots; the updater never does", async () => {
    const { root, signer } = await makeIssuedSigner("somebody.example");
    const systemRoots = join(folder, "system-roots.pem");
    writeFileSync(systemRoots, root);
    const forged = lab.document([keyA], signer);
    await publish([keyA]);
    publisher.serve(forged);
    const environment = { SSL_CERT_FILE: systemRoots };
    await assertKept(() => update({}, environment), 4, "refused: not signed by a valid publisher certificate");

    const loginWith = async (roots: { systemRoots?: string }): Promise<number> => {
      const elsewhere = mkdtempSync(join(folder, "other-apache-"));
      const forgedFile = join(elsewhere, "idp.xml");
      writeFileSync(forgedFile, forged);
      const files = { metadataFile: forgedFile, publisherCertFile: publisherCert };
      const other = await startMellon({ folder: elsewhere, key: lab.spKey, ...files, ...roots });
      idp.register(other);
      const { status } = await new Browser(tls.root).login(other.secretUrl);
      await other.stop();
      return status;
    };
    assert.equal(
      await loginWith({ systemRoots }),
      200,
      "Mellon trusts the roots of the system beside its second argument",
    );
    assert.equal(await loginWith({}), 500, "without them it trusts its second argument alone");
  });

  test("without the updater the same documents cause an outage, and a reload loses every session", async () => {
    const session = await login();
    const good = readFileSync(metadataFile);
    const withoutUpdater = async (body: string) => {
      writeFileSync(metadataFile, body);
      return (await new Browser(tls.root).login(apache.secretUrl)).status;
    };
    assert.equal(await withoutUpdater(good.toString().slice(0, -40)), 500);
    writeFileSync(metadataFile, good);
    await login();
    assert.equal(await session.status(apache.secretUrl), 200);

    apache.graceful();
    await sleep(100);
    let status = 200;
    for (let attempt = 0; attempt < 50 && status === 200; attempt += 1) {
      await sleep(50);
      status = await session.status(apache.secretUrl);
    }
    assert.equal(status, 303, "the session is gone: to the login again");

    assert.equal(await withoutUpdater("<html><body>Log in</body></html>"), 0, "the child of Apache crashed");
    writeFileSync(metadataFile, good);
    await login();
  });
});
