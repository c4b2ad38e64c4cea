/**
 * Entra withdraws its signing key at once. The tokens of Keyhold's own identities, signed by it and valid for a day,
 * are refused everywhere, and both the SDK and the platform keep returning them.
 */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ManagedIdentityCredential, type TokenCredential } from "@azure/identity";
import { decodeProtectedHeader } from "jose";
import * as world from "../../local/stack/world.ts";
import { createIdentity } from "../../src/adapters/azure/identity.ts";
import { createApplicationDirectory } from "../../src/adapters/graph/application-directory.ts";
import { createKeyVaultSigner } from "../../src/adapters/key-vault/signer.ts";
import { createKeyUnwrapper } from "../../src/adapters/key-vault/unwrapper.ts";
import { createVaultLogReader } from "../../src/adapters/log-analytics/reader.ts";
import { openContainer, openTable, patience } from "../../src/adapters/storage/clients.ts";
import { createTableLedgerReader } from "../../src/adapters/storage/ledger-reader.ts";
import { createTableLedger } from "../../src/adapters/storage/ledger-writer.ts";
import { createPipeline } from "../../src/adapters/telemetry/azure-monitor.ts";
import { createRest } from "../../src/cli/rest.ts";
import { configureExporter, readConfig } from "../../src/config.ts";
import { parseGuid } from "../../src/domain/shared/guid.ts";
import { withRetry } from "../../src/domain/shared/retry.ts";
import { tokenIntent } from "../support/fixtures/ledger.ts";
import { ledgerAccess } from "../support/ledger-access.ts";
import { askToken, runTimer, testStack, untilWritten } from "../support/test-stack.ts";

const stack = await testStack({ sharedCache: true });
await ledgerAccess(stack);
configureExporter();
const config = readConfig({ ...stack.settings(stack.ports.https), PATH: "/bin" });
const { cloud, sharedCache = assert.fail() } = config;

type Call = () => Promise<unknown>;
type IdentityName = keyof typeof world.identities;

/** What Keyhold asks of each service, as that identity: a client made once, as in the app, and a call of it. */
const services: Record<string, [as: IdentityName, open: (credential: TokenCredential) => Call]> = {
  "the vault that signs": [
    "signing",
    (credential) => {
      const { sign } = createKeyVaultSigner(credential, "test");
      const digest = createHash("sha256").update("text").digest();
      const { keyId } = stack.key;
      const call = () => sign({ keyId, algorithm: "PS256", digest, signal: AbortSignal.timeout(10_000) });
      // As a mint does it; the intents are the app's, below.
      const ports = { clock: Date.now, sleep: async () => {}, random: () => 0 };
      return () => withRetry(call, ports, { atMs: Number.POSITIVE_INFINITY, signal: AbortSignal.timeout(10_000) });
    },
  ],
  "the vault that unwraps": [
    "sharedCache",
    (credential) => {
      const unwrap = createKeyUnwrapper(sharedCache.keyId, credential);
      return () => unwrap(sharedCache.wrappedKey, AbortSignal.timeout(10_000));
    },
  ],
  "a table that is written": [
    "storage",
    (credential) => {
      const ledger = createTableLedger(config.ledgerTableUrl, credential, () => {});
      return () => ledger.recordIntent(tokenIntent(Date.now()));
    },
  ],
  "a table that is read": [
    "storage",
    (credential) => {
      const reader = createTableLedgerReader(config.ledgerTableUrl, credential);
      return () => reader.rowsBetween(Date.now() - 60_000, Date.now());
    },
  ],
  "the table of shared tokens": [
    "sharedCache",
    (credential) => {
      const table = openTable(sharedCache.tableUrl, credential, patience.sharedCache);
      return () => table.upsertEntity({ partitionKey: "test", rowKey: "test" });
    },
  ],
  blobs: [
    "storage",
    (credential) => {
      const blob = openContainer(config.metadataContainerUrl, credential, patience.refresh)("test.json");
      return async () => {
        const found = await blob.read().catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 404) throw error;
        });
        return blob.write("{}", found?.etag);
      };
    },
  ],
  "Log Analytics": [
    "monitoring",
    (credential) => {
      const reader = createVaultLogReader({
        ...{ cloud, credential, workspaceId: config.logWorkspaceId, signingObjectId: config.signingIdentityObjectId },
      });
      return () => reader.read(Date.now() - 60_000, Date.now());
    },
  ],
  "Microsoft Graph": [
    "monitoring",
    (credential) => {
      const directory = createApplicationDirectory(cloud, credential);
      const clientId = parseGuid(world.client.clientId) ?? assert.fail();
      return () => directory.credentialsOf(clientId);
    },
  ],
  "a REST service of the command line": [
    "monitoring",
    (credential) => {
      const rest = createRest(credential, `https://${cloud.graphHost}/.default`);
      const url = `https://${cloud.graphHost}/v1.0/applications(appId='${world.client.clientId}')`;
      return async () =>
        assert.equal((await rest.send({ method: "GET", url }, AbortSignal.timeout(10_000))).status, 200);
    },
  ],
  "the ingestion of telemetry": [
    "monitoring",
    (credential) => {
      // The SDK is one in a process, so that each call starts its own; the credential keeps its token.
      return async () => {
        const pipeline = createPipeline({
          connectionString: world.applicationInsights,
          ...{ credential, instance: "test", maxWaiting: 10, attemptWithinMs: 10_000, drainWithinMs: 500 },
          ...{ sendAfterMs: 3_600_000, tallyEveryMs: 3_600_000, retryDelaysMs: [] },
          ...{ liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1, storageDirectory: stack.folder },
        });
        const because = randomUUID();
        pipeline.emit({ event: { event: "telemetry_load_failed", because, frames: [] }, timeMs: Date.now() });
        await pipeline.flush();
        assert.ok(JSON.stringify(stack.monitor.telemetry).includes(because), "it was taken");
      };
    },
  ],
};

const { IDENTITY_ENDPOINT: url = "", IDENTITY_HEADER: header = "" } = process.env;

/** Opened and used before, so that everything holds a token of the withdrawn key. */
const used = new Map(
  Object.entries(services).map(([service, [as, open]]) => {
    const { clientId } = world.identities[as];
    const call = open(createIdentity(clientId, { url, header }));
    return [service, { call, callOfSdk: open(new ManagedIdentityCredential({ clientId })) }] as const;
  }),
);

describe("after Entra has withdrawn the key of its tokens", () => {
  before(async () => {
    for (const { call, callOfSdk } of used.values()) {
      await call();
      await callOfSdk();
    }
    await stack.entra.replaceAllKeys();
  });

  for (const [service, { call, callOfSdk }] of used) {
    test(`${service} refuses the token that the SDK keeps, and Keyhold repeats the request with another one`, async () => {
      await assert.rejects(callOfSdk);
      await call();
      await call();
    });
  }
});

describe("a running instance whose identities hold tokens of the withdrawn key", () => {
  const { tenantId } = world.tenants.contoso;
  const metadataUrl = (path: string) => `${stack.functions.httpsUrl}/${tenantId}/${path}`;
  const withdraw = async () => {
    const body = JSON.stringify({ action: "replace" });
    const answer = await fetch(`${stack.controlUrl}/entra/keys`, { method: "POST", body });
    assert.equal(answer.status, 200, await answer.text());
  };
  /** Of the instance, oldest first; this file's own intents stay open. */
  const settledRows = async (fromMs: number) => {
    for (let i = 0; i < 600; i++) {
      const rows = (await stack.storage.ledgerRows()).filter(
        ({ instance, time }) => instance !== "test" && time instanceof Date && time.getTime() >= fromMs,
      );
      // Ids begin with their time.
      if (rows.every(({ outcome }) => outcome !== undefined)) {
        return rows.sort((a, b) => String(a.rowKey).localeCompare(String(b.rowKey)));
      }
      await sleep(100);
    }
    return assert.fail("a ledger row stayed open");
  };

  test("gets a token for a caller at once, although none is cached, and each attempt has its own intent", async () => {
    const callerToken = await stack.callerToken("billing");
    assert.equal((await askToken(stack, tenantId, { callerToken })).status, 200);
    await withdraw();
    const [fromMs, before] = [Date.now(), stack.keyVault.audit.length];
    const answer = await askToken(stack, tenantId, { callerToken, scope: world.scopes.orders });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const rows = await settledRows(fromMs);
    assert.deepEqual(
      rows.map(({ outcome, fault }) => [outcome, fault]),
      [
        ["not_signed", "signer_unauthorized"],
        ["issued", undefined],
      ],
    );
    const ids = rows.map(({ vaultRequestId }) => vaultRequestId);
    const asked = stack.keyVault.audit.slice(before).filter(({ CorrelationId }) => ids.includes(CorrelationId));
    assert.deepEqual(
      asked.map(({ HttpStatusCode, CorrelationId }) => [HttpStatusCode, CorrelationId]),
      [
        [401, ids[0]],
        [200, ids[1]],
      ],
    );
  });

  test("serves idp.xml with the new keys after the next refresh", async () => {
    await withdraw();
    await runTimer(stack.functions, "refreshMetadata");
    const [{ x5c = [] } = {}] = stack.entra.jwks(tenantId).keys as { x5c?: string[] }[];
    const idp = await (await fetch(metadataUrl("federationmetadata/2007-06/idp.xml"))).text();
    assert.ok(x5c[0] && idp.replace(/\s/g, "").includes(x5c[0]), "the new certificate is in it");
  });

  test("mints a cached token of a withdrawn key again, once, and reports it in one event", async () => {
    const published = (stack.entra.jwks(tenantId).keys as { kid: string }[]).map(({ kid }) => kid);
    const callerToken = await stack.callerToken("billing");
    const kids: (string | undefined)[] = [];
    const ask = async () => {
      const { body } = await askToken(stack, tenantId, { callerToken });
      kids.push(decodeProtectedHeader(String(body.access_token)).kid);
    };
    const signatures = () =>
      stack.keyVault.audit.filter(
        ({ OperationName, Id }) => OperationName === "KeySign" && Id.includes(stack.key.keyId),
      );
    // The refresh of the test before has found the key gone; requests look once a second.
    const before = signatures().length;
    for (let i = 0; i < 100 && !published.includes(kids.at(-1) ?? ""); i++) {
      await ask();
      await sleep(50);
    }
    await ask();
    assert.deepEqual(kids.slice(-2), [published[0], published[0]]);
    assert.equal(signatures().length, before + 1);
    await untilWritten(stack.functions, /"event":"signing_key_withdrawn","kids":\["[^\]]+"\],"cachedTokens":1/);
  });

  test("accepts callers with tokens of the new key", async () => {
    const answer = await askToken(stack, tenantId, { callerToken: await stack.callerToken("billing") });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  });
});
