import assert from "node:assert/strict";
import { test } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, testStack, untilWritten } from "../support/test-stack.ts";

/** The policy in blob storage, read with the storage identity's token by two instances. */
const stack = await testStack({ startFunctions: false });
const blobPath = `${world.policyContainer}/policy.json`;
const blob = stack.storage.blobs.getContainerClient(world.policyContainer).getBlockBlobClient("policy.json");
const upload = (text: string) => blob.upload(text, Buffer.byteLength(text));
const policy = world.policyOf(stack.key, stack.publisher);
await upload(JSON.stringify(policy));

const settings = {
  KEYHOLD_POLICY_FILE: "",
  KEYHOLD_POLICY_BLOB_URL: `https://${world.storageAccount}.blob.core.windows.net/${blobPath}`,
};
const instances = [
  await stack.addInstance(stack.ports, settings),
  await stack.addInstance(await freePorts(), settings),
];
const callerToken = await stack.callerToken("billing");
const { contoso } = world.tenants;
const askAll = () =>
  Promise.all(
    instances.map(async ({ httpsUrl }) => {
      const { status, body } = await askToken(stack, contoso.tenantId, { callerToken, url: httpsUrl });
      return body.error ?? status;
    }),
  );

test("a tenant suspended in the blob is refused by every instance within 60 s, although its token is cached", async () => {
  assert.deepEqual(await askAll(), [200, 200]);
  const tenant = policy.tenants.find(({ name }) => name === "contoso");
  assert.ok(tenant);
  tenant.state = "suspended";
  await upload(JSON.stringify(policy));
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), ["access_denied", "access_denied"]);
  assert.equal(countOperations(stack, "KeySign"), 2);
});

test("a suspension beside a policy that is not JSON is in force within 60 s, and ends as quickly", async () => {
  const suspensions = stack.storage.blobs
    .getContainerClient(world.policyContainer)
    .getBlockBlobClient("policy.suspensions.json");
  const write = (entries: object[]) => {
    const text = JSON.stringify({ version: 1, suspensions: entries });
    return suspensions.upload(text, Buffer.byteLength(text));
  };
  for (const tenant of policy.tenants) if (tenant.name === "contoso") tenant.state = "active";
  await upload(JSON.stringify(policy));
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), [200, 200]);
  await upload("{ tenants: [");
  await write([{ kind: "tenant", id: contoso.tenantId, by: "anna", at: "2026-06-01T12:00:00Z" }]);
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), ["access_denied", "access_denied"]);
  for (const instance of instances) await untilWritten(instance, /"event":"suspensions_applied".*"tenants":1/);
  await write([]);
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), [200, 200]);
  await write([{ kind: "tenant", id: contoso.tenantId, by: "anna", at: "2026-06-01T12:00:00Z" }]);
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), ["access_denied", "access_denied"]);
});

test("a broken later policy is refused, the previous one stays, and the log reports each problem with its place", async () => {
  await upload(JSON.stringify({ ...policy, grants: "all of them" }));
  await stack.passTime(60_000);
  assert.deepEqual(await askAll(), ["access_denied", "access_denied"]);
  for (const instance of instances) await untilWritten(instance, /"event":"policy_rejected".*"path":"grants"/);
  assert.deepEqual(await askAll(), ["access_denied", "access_denied"]);
});
