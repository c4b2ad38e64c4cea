import { createHash } from "node:crypto";
import { type AccessPolicy, grantKey } from "../../src/domain/policy/access-policy.ts";
import { type Guid, parseGuid } from "../../src/domain/shared/guid.ts";
import type { SigningCertificate } from "../../src/domain/signing/certificate.ts";
import { createAuditStore as createStore } from "../support/fakes/audit-store.ts";
import { createFakeCredentialStore } from "../support/fakes/credential-store.ts";
import { createFakePolicySource, createFakeSuspensionsSource } from "../support/fakes/policy-source.ts";
import * as ids from "../support/fixtures/ids.ts";
import { createInstance } from "./fleet.ts";
import { signingObjectId, type World } from "./model.ts";
import { appearancesOf, createLedgerTable, createLog, createVaultKeys } from "./outside.ts";
import type { Plan } from "./plan.ts";
import { createRandom } from "./random.ts";
import { createSharedCache } from "./shared-cache.ts";
import { createVirtualTime } from "./virtual-time.ts";

export const startMs = Date.UTC(2026, 5, 1);
/** Milliseconds until an instance that has crashed is replaced. */
const replacedAfterMs = 5_000;

export function createWorld(plan: Plan): World {
  const random = createRandom(plan.seed);
  const time = createVirtualTime(startMs);
  const keys = createVaultKeys(startMs);
  const happened = createHash("sha256");
  const note = (...facts: readonly string[]) => happened.update(`${time.now()} ${facts.join(" ")}\n`);
  const intents = new Map<string, number>();
  const signs = new Map<string, number>();
  let started = 0;
  const tenants = Array.from({ length: plan.tenants }, () => parseGuid(random.guid()) as Guid);
  const world: World = {
    ...{ plan, random, time, keys, tenants },
    log: createLog(signingObjectId, plan.logsUserAgents),
    ledger: createLedgerTable(),
    isLedgerDown: false,
    auditStore: createStore(),
    credentialStore: createFakeCredentialStore(),
    policySource: undefined as unknown as World["policySource"],
    suspensionsSource: createFakeSuspensionsSource(),
    sharedCache: createSharedCache(),
    tenantOfToken: new Map(),
    instances: [],
    truths: [],
    covered: new Map(),
    cutConnections: [],
    forgery: { invented: new Set(), deleted: new Set() },
    violations: [],
    signatures: 0,
    mints: new Map(),
    // An instance of a busy fleet ends every hour or so.
    crashChance: 0.00005,
    trace: () => happened.copy().digest("hex"),
    crash(instance) {
      instance.isAlive = false;
      const place = world.instances.indexOf(instance);
      if (place < 0) return;
      world.instances.splice(place, 1);
      time.at(time.now() + replacedAfterMs, () => world.start());
    },
    record(instance, event) {
      const text = JSON.stringify(event);
      note(instance.name, text);
      if (text.includes("eyJ") || text.includes("vault.azure.net"))
        world.violations.push(`I6: ${event.event} holds a secret`);
      if (event.event === "sign_audit_covered") {
        const name = `${event.requestId} ${event.timeMs}`;
        world.covered.set(name, (world.covered.get(name) ?? new Set()).add(event.ledgerId));
      }
      if (event.event === "sign_audit_failed")
        world.violations.push(`the audit failed: ${event.because} ${event.frames?.join(" ")}`);
    },
    writeLog(row, by, isForged = false) {
      const isInstance = by !== "thief" && by !== "stranger";
      const isLogged = !(
        isInstance &&
        row.httpStatus === 200 &&
        plan.faults.has("missing-rows") &&
        random.chance(0.0005)
      );
      note(row.requestId, isLogged ? "logged" : "cut");
      if (row.httpStatus === 200) world.truths.push({ row, by: isInstance ? "instance" : by, isLogged, isForged });
      if (isLogged) world.log.add(row, appearancesOf(row.timeMs, random, plan.faults.has("late-rows")));
    },
    onIntent(instance, keyVersion, ledgerId) {
      note(instance.name, ledgerId);
      count(intents, `${instance.name} ${keyVersion}`);
    },
    onSign(instance, keyVersion) {
      world.signatures += 1;
      const name = `${instance.name} ${keyVersion}`;
      if (count(signs, name) > (intents.get(name) ?? 0))
        world.violations.push("I4: a signature without an intent that was stored before");
      const ofInstance = world.mints.get(instance.name) ?? [];
      ofInstance.push(time.now());
      world.mints.set(instance.name, ofInstance);
    },
    start() {
      const instance = createInstance(world, `instance-${++started}`);
      world.instances.push(instance);
      void instance.context.currentPolicy.load(instance.context.clock());
      return instance;
    },
    policy: (registered) => policyOf(registered, tenants),
  };
  world.policySource = createFakePolicySource(world.policy(keys.certificates.slice(0, 1)));
  return world;
}

function count(counts: Map<string, number>, name: string): number {
  const next = (counts.get(name) ?? 0) + 1;
  counts.set(name, next);
  return next;
}

function policyOf(certificates: readonly SigningCertificate[], tenantIds: readonly Guid[]): AccessPolicy {
  const client = { name: "client", clientId: ids.clientId, isActive: true, certificates };
  const caller = { name: "billing", objectId: ids.billingObjectId, isActive: true };
  const tenants = tenantIds.map(
    (tenantId, i) => [tenantId, { name: `tenant-${i}`, tenantId, isActive: true }] as const,
  );
  const grant = { tokenScopes: new Set([ids.graphScope]), issuesAssertion: false };
  return {
    homeTenantId: ids.homeTenantId,
    clients: new Map([[client.clientId, client]]),
    tenants: new Map(tenants),
    callers: new Map([[caller.objectId, caller]]),
    grants: new Map([[grantKey(caller.objectId, client.clientId, "*"), grant]]),
    homeApis: new Set(),
    withheld: [],
    metadata: new Map(),
  };
}
