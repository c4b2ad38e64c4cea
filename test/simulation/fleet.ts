import { noNotes } from "../../src/domain/audit/notes.ts";
import type { AuditStore, SignAuditPorts } from "../../src/domain/audit/ports.ts";
import { signAuditRun } from "../../src/domain/audit/run.ts";
import { checkCredentials } from "../../src/domain/credentials/check-credentials.ts";
import { createCurrentCredentials } from "../../src/domain/credentials/current-credentials.ts";
import type { KeyholdEvent } from "../../src/domain/events.ts";
import { createFailureCache } from "../../src/domain/issuing/failure-cache.ts";
import { isWanted } from "../../src/domain/issuing/freshness.ts";
import { createMintBudget } from "../../src/domain/issuing/mint-budget.ts";
import { createPartHealth } from "../../src/domain/issuing/part-health.ts";
import type { SharedTokens, TokenEndpoint } from "../../src/domain/issuing/ports.ts";
import { createTokenCache } from "../../src/domain/issuing/token-cache.ts";
import { createCurrentPolicy } from "../../src/domain/policy/current-policy.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import { Fault } from "../../src/domain/shared/fault.ts";
import { ok, refuse } from "../../src/domain/shared/result.ts";
import { createLedgerId } from "../../src/domain/signing/ledger-id.ts";
import type { Ledger, VaultSigner } from "../../src/domain/signing/ports.ts";
import * as ids from "../support/fixtures/ids.ts";
import { budget, callerToken, type Instance, signingObjectId, type World } from "./model.ts";

const never = new Promise<never>(() => {});

export function createInstance(world: World, name: string): Instance {
  const { time, random, plan, violations } = world;
  const has = (fault: Parameters<typeof plan.faults.has>[0]) => plan.faults.has(fault);
  const instance: Instance = { name, isAlive: true, offsetMs: 0, served: new Map() } as unknown as Instance;
  if (has("clocks")) instance.offsetMs = random.between(-45_000, 45_000);
  const clock = () => Math.floor(time.now()) + instance.offsetMs;

  /** One exchange with the outside: takes time, and may be where the process ends, before the effect or after it. */
  async function io<T>(latencyMs: number, effect: () => T | Promise<T>): Promise<T> {
    await step(latencyMs / 2);
    const result = await effect();
    await step(latencyMs / 2);
    return result;
  }

  async function step(ms: number): Promise<void> {
    if (!instance.isAlive) return never;
    await time.sleep(Math.ceil(ms * (0.5 + random.next())));
    if (has("crashes") && random.chance(world.crashChance)) world.crash(instance);
    if (!instance.isAlive) return never;
  }

  function losesAnswer() {
    if (!has("shared-cache") || !random.chance(0.01)) return undefined;
    return random.pick(["before", "after"] as const);
  }

  const record = (event: KeyholdEvent) => world.record(instance, event);

  const signer: VaultSigner = {
    async sign({ keyId, digest, signal }) {
      signal.throwIfAborted();
      const [, , keyName = "", keyVersion = ""] = new URL(keyId).pathname.split("/");
      const requestId = random.guid();
      const write = (httpStatus: number) => {
        const row = {
          ...{ timeMs: time.now(), operation: "KeySign", httpStatus, requestId, keyName, keyVersion },
          ...{ callerObjectId: signingObjectId, callerAddress: "10.0.0.4", clientInfo: `keyhold/${name} azsdk-js` },
        };
        world.writeLog(row, instance);
      };
      if (has("throttling") && random.chance(0.01)) {
        await io(20, () => write(429));
        throw new Fault("signer_throttled", { codes: [429], vaultRequestId: requestId, retryAfterSeconds: 1 });
      }
      if (has("lost-answers") && random.chance(0.002)) {
        await step(20);
        world.cutConnections.push({ instance: name, keyVersion, timeMs: time.now() });
        throw new Fault("signer_unavailable", { maybeSigned: true, because: "cut before it arrived" });
      }
      const isWrong = has("wrong-signatures") && random.chance(0.002);
      const signature = await io(60, () => {
        world.onSign(instance, keyVersion);
        write(200);
        return isWrong ? world.keys.signWrongly(digest) : world.keys.sign(keyId, digest);
      });
      if (has("lost-answers") && random.chance(0.002)) {
        throw new Fault("signer_unavailable", { maybeSigned: true, because: "cut after it signed" });
      }
      return { signature, keyId, requestId };
    },
  };

  const ledger: Ledger = {
    async recordIntent({ id, timeMs, keyName = "", keyVersion = "", instance: by }) {
      if (world.isLedgerDown) {
        await step(20);
        throw new Fault("ledger_unavailable", { because: "503" });
      }
      await io(8, () => {
        world.ledger.insert({ id, timeMs, keyName, keyVersion, instance: by });
        world.onIntent(instance, keyVersion, id);
      });
      if (has("lost-answers") && random.chance(0.001)) throw new Fault("ledger_unavailable", { because: "cut" });
    },
    recordOutcome(id, { outcome, ...facts }) {
      const isLost = has("lost-answers") && random.chance(0.001);
      void io(8, () => {
        const row = world.ledger.rows.get(id);
        if (!row || isLost) return;
        row.outcome = outcome;
        if ("vaultRequestId" in facts && facts.vaultRequestId) row.vaultRequestId = facts.vaultRequestId;
      });
    },
  };

  const tokenEndpoint: TokenEndpoint = {
    async requestToken({ tenantId, clientId, clientAssertion, signal }) {
      signal.throwIfAborted();
      const requestId = random.guid();
      if (!world.keys.isSigned(clientAssertion))
        violations.push("I5: Entra got an assertion that no registered certificate signed");
      const claims = JSON.parse(Buffer.from(clientAssertion.split(".")[1] ?? "", "base64url").toString());
      const audience = `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`;
      if (claims.iss !== clientId || claims.aud !== audience)
        violations.push("I7, I8: an assertion for another client or address");
      if (has("throttling") && random.chance(0.01)) {
        await step(30);
        throw new Fault("token_endpoint_throttled", { codes: [90055], retryAfterSeconds: 1 });
      }
      if (has("lost-answers") && random.chance(0.005)) {
        await step(30);
        throw new Fault("token_endpoint_unavailable", { because: "cut" });
      }
      await io(90, () => undefined);
      const tokens = { accessToken: `eyJ-${random.guid()}`, expiresInSeconds: random.between(3_600, 5_400) };
      world.tenantOfToken.set(tokens.accessToken, tenantId);
      return { issued: true, ...tokens, requestId };
    },
  };

  const credentials = createCurrentCredentials(world.credentialStore, record);
  const tokenCache = createTokenCache({ maxTokens: 20_000, maxBytes: 134_217_728 });
  const failureCache = createFailureCache(20_000);
  const { policySource, suspensionsSource } = world;
  const sharedTokens = plan.sharesTokens ? world.sharedCache.of({ instance: name, clock, io, losesAnswer }) : undefined;
  const currentPolicy = createCurrentPolicy(
    {
      policy: {
        async read(etag) {
          await step(10);
          const [reading] = await Promise.all([policySource.read(etag), credentials.reload()]);
          return reading;
        },
      },
      suspensions: {
        async read(etag) {
          await step(10);
          return suspensionsSource.read(etag);
        },
      },
    },
    record,
    (policy) => {
      const isWantedNow: Parameters<SharedTokens["sweep"]>[0] = (token, clientId, tenantId) =>
        isWanted(token, policy, clientId, tenantId);
      tokenCache.retain(isWantedNow);
      failureCache.clear();
      void sharedTokens?.sweep(isWantedNow);
    },
  );
  instance.context = {
    ...{ cloud: clouds.public, instance: name, currentPolicy, tokenCache, failureCache, signer, ledger, tokenEndpoint },
    ...(sharedTokens && { sharedTokens }),
    newLedgerId: (nowMs) => createLedgerId(nowMs, random.fill),
    callerVerifier: {
      verify: async (token) =>
        token === callerToken
          ? ok({ tenantId: ids.homeTenantId, objectId: ids.billingObjectId, azp: undefined })
          : refuse({ reason: "caller_token_rejected", because: "signature" } as never),
    },
    federatedIdentity: { getAssertion: async () => never, replace: async () => false },
    withdrawnKeys: () => new Map(),
    credentials,
    parts: createPartHealth(),
    budget: createMintBudget(budget),
    flights: new Map(),
    clock,
    sleep: async (ms, signal) => {
      await time.sleep(ms, signal);
      if (!instance.isAlive) return never;
    },
    random: random.next,
    startDeadline: (withinMs) => ({ ...time.deadline(withinMs), atMs: clock() + withinMs }),
    framesOf: (error) => [String(error)],
    record,
  };

  const store = throughIo(world.auditStore);
  const log = world.log.reader(time.now);
  const ports: SignAuditPorts = {
    vaultLog: {
      now: () => io(50, () => log.now()),
      read: (fromMs, toMs) => io(300, () => log.read(fromMs, toMs)),
      refusals: (fromMs, toMs) => io(300, () => log.refusals(fromMs, toMs)),
      arrivals: (fromMs, toMs) => io(300, () => log.arrivals(fromMs, toMs)),
    },
    ledger: { rowsBetween: (fromMs, toMs) => io(200, () => world.ledger.between(fromMs, toMs)) },
    retention: { expire: async () => 0 },
    ledgerKeptMs: 400 * 86_400_000,
    store,
    record,
    clock,
    signingObjectId,
    keyNames: async () => ["client"],
    notes: async () => noNotes,
    framesOf: (error) => [error instanceof Error ? (error.stack ?? error.message) : "unknown"],
  };
  instance.audit = (aheadMs = 0) => signAuditRun({ ...ports, clock: () => clock() + aheadMs });
  instance.checkCredentials = async () => {
    const policy = await currentPolicy.at(clock());
    const directory = {
      credentialsOf: async () => ({
        keys: world.keys.certificates.map(({ der }, i) => ({ on: "application" as const, keyId: `${i}`, der })),
        ...{ passwords: [], federated: [], isInstanceLocked: true },
      }),
    };
    await checkCredentials(policy, {
      ...instance.context,
      credentials,
      store: world.credentialStore,
      directory,
      record,
    });
  };
  return instance;

  function throughIo(inner: AuditStore): AuditStore {
    const through =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await step(10);
        const result = await call(...args);
        await step(10);
        return result;
      };
    return {
      loadState: through(inner.loadState),
      saveState: through(inner.saveState),
      looks: through(inner.looks),
      putLook: through(inner.putLook),
      revisits: through(inner.revisits),
      addRevisits: through(inner.addRevisits),
      removeRevisit: through(inner.removeRevisit),
      findingsOf: through(inner.findingsOf),
      openFindings: through(inner.openFindings),
      markNoted: through(inner.markNoted),
      putFindings: through(inner.putFindings),
      windowsSince: through(inner.windowsSince),
      putWindow: through(inner.putWindow),
    };
  }
}
