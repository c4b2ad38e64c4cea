import { setTimeout as sleep } from "node:timers/promises";
import { errorClass } from "./adapters/azure/error.ts";
import { createIdentity } from "./adapters/azure/identity.ts";
import { warmUp } from "./adapters/azure/warm-up.ts";
import { createCallerVerifier } from "./adapters/entra/caller-verifier.ts";
import { createFederatedIdentity } from "./adapters/entra/federated-identity.ts";
import { connectToEntra, createEntraTokenEndpoint } from "./adapters/entra/token-endpoint.ts";
import { createApplicationDirectory } from "./adapters/graph/application-directory.ts";
import { connectToVault } from "./adapters/key-vault/connection.ts";
import { createKeyVaultSigner } from "./adapters/key-vault/signer.ts";
import { createKeyUnwrapper } from "./adapters/key-vault/unwrapper.ts";
import { createVaultLogReader } from "./adapters/log-analytics/reader.ts";
import { createNotesSource } from "./adapters/policy/notes.ts";
import { besidePolicy, type DocumentPlace, readerOf } from "./adapters/policy/place.ts";
import { createRefreshRequests } from "./adapters/policy/refresh-requests.ts";
import { createPolicySource, createSuspensionsSource } from "./adapters/policy/source.ts";
import { createSharedTokens } from "./adapters/shared-cache/shared-tokens.ts";
import { createTableAuditStore } from "./adapters/storage/audit-store.ts";
import { openConnection, openTable, patience } from "./adapters/storage/clients.ts";
import { createTableCredentialStore } from "./adapters/storage/credential-store.ts";
import { createTableLedgerReader } from "./adapters/storage/ledger-reader.ts";
import { createTableLedgerRetention } from "./adapters/storage/ledger-retention.ts";
import { createTableLedger } from "./adapters/storage/ledger-writer.ts";
import { createMetadataStore } from "./adapters/storage/metadata-store.ts";
import { createEventLog, createLineWriter } from "./adapters/telemetry/event-log.ts";
import { createFramedEvents } from "./adapters/telemetry/framed-events.ts";
import { createStackFrames } from "./adapters/telemetry/stack-frames.ts";
import { createTelemetry } from "./adapters/telemetry/telemetry.ts";
import { createMetadataTransport } from "./adapters/tls/metadata-transport.ts";
import { signXml, verifyFederationMetadata, verifyIdpDocument } from "./adapters/xml/on-first-use.ts";
import { type Config, configureExporter, readConfig, type SharedCacheConfig } from "./config.ts";
import type { SignAuditPorts } from "./domain/audit/ports.ts";
import { signAuditRun } from "./domain/audit/run.ts";
import { type CheckPorts, checkCredentials } from "./domain/credentials/check-credentials.ts";
import { createCurrentCredentials } from "./domain/credentials/current-credentials.ts";
import type { RecordEvent } from "./domain/events.ts";
import type { IssuingContext } from "./domain/issuing/context.ts";
import { createFailureCache } from "./domain/issuing/failure-cache.ts";
import { isWanted } from "./domain/issuing/freshness.ts";
import { createMintBudget } from "./domain/issuing/mint-budget.ts";
import { createPartHealth } from "./domain/issuing/part-health.ts";
import { createTokenCache } from "./domain/issuing/token-cache.ts";
import { watchWithdrawals } from "./domain/issuing/withdrawn-keys.ts";
import { createMetadataKeeper } from "./domain/metadata/metadata-keeper.ts";
import { createIdpPublisher } from "./domain/metadata/publish-idp.ts";
import { type AccessPolicy, keyNamesOf, vaultKeysOf } from "./domain/policy/access-policy.ts";
import { createCurrentPolicy } from "./domain/policy/current-policy.ts";
import { vaultScopeOf } from "./domain/shared/cloud.ts";
import type { Guid } from "./domain/shared/guid.ts";
import type { StartDeadline } from "./domain/shared/retry.ts";
import { createLedgerId } from "./domain/signing/ledger-id.ts";

/** The process's own: a source map is read once. */
export const { framesOf, inSource } = createStackFrames();

/**
 * The whole app on one screen: settings -> adapters -> what the functions use. Nothing is read, and nothing is
 * sent: the functions are there at once, and `warmUp` or the first request begins with the policy.
 * @throws ConfigurationError with everything that is wrong with the settings
 */
export function compose(config: Config = readConfig()) {
  const { cloud, homeTenantId, instance } = config;
  const clock = Date.now;
  const random = Math.random;
  const sleepUntil = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal });
  const startDeadline: StartDeadline = (withinMs) => ({
    atMs: clock() + withinMs,
    signal: AbortSignal.timeout(withinMs),
  });
  const identityOf = (clientId: Guid) => createIdentity(clientId, config.identityEndpoint);
  const monitoringIdentity = identityOf(config.monitoringIdentityClientId);
  configureExporter();
  const telemetry = createTelemetry({
    connectionString: config.applicationInsightsConnectionString,
    credential: monitoringIdentity,
    settings: config.telemetry,
    clock,
    instance,
    onLoadFailure: (error) =>
      record({ event: "telemetry_load_failed", because: errorClass(error), frames: framesOf(error) }),
  });
  const lines = createLineWriter(process.stdout);
  const errorLines = createLineWriter(process.stderr);
  const log = createEventLog(clock, lines.write, errorLines.write);
  const framed = createFramedEvents((event) => {
    log(event);
    telemetry.record(event);
  }, inSource);
  const record: RecordEvent = framed.record;
  process.once("exit", () => {
    framed.flush();
    lines.flush();
    errorLines.flush();
  });
  const { tracer } = telemetry;

  const signingIdentity = identityOf(config.signingIdentityClientId);
  const storageIdentity = identityOf(config.storageIdentityClientId);
  const { sign } = createKeyVaultSigner(signingIdentity, instance);
  const signer = { sign: tracer.call("Key Vault sign", sign) };
  const tableLedger = createTableLedger(config.ledgerTableUrl, storageIdentity, record);
  const ledger = { ...tableLedger, recordIntent: tracer.call("ledger intent", tableLedger.recordIntent) };
  const { requestToken } = createEntraTokenEndpoint(cloud);
  const tokenEndpoint = { requestToken: tracer.call("Entra token", requestToken) };

  const { get } = createMetadataTransport(cloud, config.metadataRootsFile, clock());
  const metadata = createMetadataKeeper(homeTenantId, {
    cloud,
    transport: { get: tracer.call("Entra metadata", get) },
    store: createMetadataStore(config.metadataContainerUrl, storageIdentity),
    ...{ verifyFederationMetadata, verifyIdpDocument },
    derive: createIdpPublisher({
      ...{ verifyFederationMetadata, signXml, signer, ledger, clock, random, startDeadline, instance },
      newLedgerId: createLedgerId,
      sleep: sleepUntil,
    }),
    clock,
    random,
    sleep: (ms) => sleep(ms),
    startDeadline,
    record,
  });

  const sharedTokens = config.sharedCache && openSharedTokens(config.sharedCache);
  function openSharedTokens({ tableUrl, keyId, wrappedKey, identityClientId }: SharedCacheConfig) {
    const identity = identityOf(identityClientId);
    return createSharedTokens({
      table: openTable(tableUrl, identity, patience.sharedCache),
      backgroundTable: openTable(tableUrl, identity, patience.background),
      connect: () => openConnection(openTable(tableUrl, identity, patience.sharedCacheStart)),
      unwrap: createKeyUnwrapper(keyId, identity),
      ...{ wrappedKey, instance, clock, record },
    });
  }

  const sweepSharedTokens = (policy: AccessPolicy) =>
    sharedTokens?.sweep((token, clientId, tenantId) => isWanted(token, policy, clientId, tenantId));

  const tokenCache = createTokenCache(config.tokenCache);
  const failureCache = createFailureCache(config.tokenCache.maxTokens);
  const readText = (place: DocumentPlace) => readerOf(place, () => storageIdentity);
  const policySource = createPolicySource(
    readText(config.policy),
    { cloud, homeTenantId, keyholdApplicationId: config.audience },
    clock,
  );
  const credentialStore = createTableCredentialStore(config.auditTableUrl, storageIdentity);
  const credentials = createCurrentCredentials(credentialStore, record);
  const currentPolicy = createCurrentPolicy(
    {
      policy: {
        // The states of the certificates are at most as old as the policy that lists them.
        async read(etag) {
          const [reading] = await Promise.all([policySource.read(etag), credentials.reload()]);
          return reading;
        },
      },
      suspensions: createSuspensionsSource(readText(besidePolicy(config.policy, "suspensions"))),
    },
    record,
    (policy) => {
      tokenCache.retain((token, clientId, tenantId) => isWanted(token, policy, clientId, tenantId));
      failureCache.clear();
      void sweepSharedTokens(policy);
      metadata.apply({ sources: policy.metadata, publisher: policy.publisher });
    },
  );

  const readRefreshRequests = createRefreshRequests(readText(besidePolicy(config.policy, "metadata-refresh")));

  const issuing: IssuingContext = {
    cloud,
    instance,
    callerVerifier: createCallerVerifier({ ...config, role: config.callerRole }, metadata.home),
    currentPolicy,
    tokenCache,
    ...(sharedTokens && { sharedTokens }),
    withdrawnKeys: watchWithdrawals(metadata.withdrawnKeys, tokenCache, record),
    failureCache,
    parts: createPartHealth(),
    budget: createMintBudget(config.mints),
    flights: new Map(),
    signer,
    tokenEndpoint,
    federatedIdentity: createFederatedIdentity(cloud, identityOf),
    credentials,
    ledger,
    newLedgerId: createLedgerId,
    clock,
    sleep: sleepUntil,
    random,
    startDeadline,
    framesOf,
    record,
  };

  const vaultLog = createVaultLogReader({
    cloud,
    workspaceId: config.logWorkspaceId,
    signingObjectId: config.signingIdentityObjectId,
    credential: monitoringIdentity,
    ...(config.vaultResourceId === undefined ? {} : { vaultResourceId: config.vaultResourceId }),
  });
  const signAudit: SignAuditPorts = {
    vaultLog: {
      now: vaultLog.now,
      read: tracer.call("Log Analytics query", vaultLog.read),
      refusals: tracer.call("Log Analytics query", vaultLog.refusals),
      arrivals: tracer.call("Log Analytics query", vaultLog.arrivals),
    },
    ledger: createTableLedgerReader(config.ledgerTableUrl, storageIdentity),
    retention: createTableLedgerRetention(config.ledgerTableUrl, storageIdentity),
    ledgerKeptMs: config.ledgerRetentionDays * 86_400_000,
    store: createTableAuditStore(config.auditTableUrl, storageIdentity),
    clock,
    signingObjectId: config.signingIdentityObjectId,
    keyNames: () => currentPolicy.at(clock()).then(keyNamesOf, () => []),
    notes: createNotesSource(readText(besidePolicy(config.policy, "findings"))),
    framesOf,
    record,
  };

  const { credentialsOf } = createApplicationDirectory(cloud, monitoringIdentity);
  const directory = { credentialsOf: tracer.call("Graph application", credentialsOf) };
  const check: CheckPorts = { ...issuing, credentials, store: credentialStore, directory, record };

  return {
    issuing,
    maxRequestsInFlight: config.maxRequestsInFlight,
    discovery: { publicUrl: config.publicUrl, cloud, clock },
    metadata: { find: metadata.find, currentPolicy, clock },
    refreshMetadata: metadata.refreshAll,
    checkMetadata: async () => {
      await currentPolicy.load(clock());
      // Requests that cannot be read now are read again in half a minute.
      await metadata.refreshDue(await readRefreshRequests().catch(() => []));
    },
    recordSignRate: () => signAuditRun(signAudit),
    checkCredentials: async () => {
      const policy = await currentPolicy.at(clock());
      await sweepSharedTokens(policy);
      await checkCredentials(policy, check);
    },
    readiness: { callerKeys: metadata.home, currentPolicy, unpublished: metadata.unpublished, clock },
    traceInvocation: tracer.invocation,
    /** What the first token needs and what asks for no signature, so that no caller waits for it. Never rejects. */
    warmUp: () =>
      tracer.invocation({ name: "warmUp", correlationId: crypto.randomUUID() }, () =>
        warmUp([
          async () => sharedTokens?.warm(),
          async () => Promise.all(vaultKeysOf(await currentPolicy.at(clock())).map(connectToVault)),
          () => metadata.home.isReady(clock()),
          () => signingIdentity.getToken(vaultScopeOf(cloud)),
          () => connectToEntra(cloud),
          tableLedger.connect,
        ]),
      ),
    /**
     * Before the process ends: every outcome is written or reported as lost, and every event sent, in 3.5 s in all. The
     * platform kills an instance 5 s after it asks it to end.
     */
    drain: async () => {
      framed.flush();
      // Events first too: what is known already does not wait for a ledger that hangs.
      await Promise.all([ledger.drain(), telemetry.flush(2_300)]);
      framed.flush();
      await telemetry.flush(1_200);
    },
  };
}
