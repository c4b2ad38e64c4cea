import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as ids from "../../support/fixtures/ids.ts";
import { validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
after(() => rm(folder, { recursive: true, force: true }));

async function policyFile(name: string, content: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

test("a valid policy is summed up, and nothing is written", async () => {
  const world = createCliWorld();
  const { exit, out, err } = await world.run("policy", "check");
  assert.equal(exit, 0);
  assert.match(out, /Valid: policy\.json\n {2}clients {2}1, and 1 suspended\n {2}tenants {2}3, and 1 suspended/);
  assert.equal(err, "");
  assert.equal(world.place.writes, 0);
});

test("every problem is told at once, with its path and without its value", async () => {
  const policy = validPolicy();
  policy.tenants.push({ name: "contoso", tenantId: "not-a-guid-but-s3cret", state: "active" });
  policy.grants.push({
    caller: "nobody",
    client: "broker",
    tenants: ["contoso"],
    scopes: ["s3cret"],
    issues: ["token"],
  });
  const shape = await createCliWorld(JSON.stringify(policy)).run("policy", "check");
  assert.equal(shape.exit, 1);
  assert.match(shape.out, /tenants\[4\]\.tenantId: must be a GUID/);
  const tenant = policy.tenants.at(-1);
  if (tenant) tenant.tenantId = ids.contosoId;
  const { exit, out } = await createCliWorld(JSON.stringify(policy)).run("policy", "check");
  assert.equal(exit, 1);
  for (const path of ["tenants[4].name", "tenants[4].tenantId", "grants[5].caller", "grants[5].scopes[0]"]) {
    assert.ok(out.includes(`${path}: must be`), `${path} in ${out}`);
  }
  assert.doesNotMatch(out, /s3cret/);
});

test("a key that is there twice is named, since only the last one counts: a typing error that resumes a tenant", async () => {
  const text = JSON.stringify(validPolicy(), undefined, 2).replace(
    '"state": "suspended"',
    '"state": "suspended", "state": "active"',
  );
  const { exit, out } = await createCliWorld(text).run("policy", "check");
  assert.equal(exit, 1);
  assert.match(
    out,
    /^Valid: [\s\S]*more than once:\n {2}- line \d+, column \d+: clients\[1\]\.state: is there more than once/,
  );
});

test("a problem has its line and column, and a name may have any letters", async () => {
  const policy = validPolicy();
  const text = JSON.stringify(policy, undefined, 2)
    .replaceAll('"contoso"', '"München"')
    .replace('"billing",\n', '"x",\n');
  const { out } = await createCliWorld(text).run("policy", "check");
  assert.match(out, /^ {2}- line \d+, column 17: grants\[0\]\.caller: must be the name of an entry/m);
  assert.doesNotMatch(out, /München/);
});

test("for machines the same is one JSON document", async () => {
  const { out } = await createCliWorld("{}").run("policy", "check", "--json");
  const { valid, problems } = JSON.parse(out) as { valid: boolean; problems: { path: string }[] };
  assert.equal(valid, false);
  assert.deepEqual(problems.map(({ path }) => path).sort(), ["callers", "clients", "grants", "tenants"]);
});

test("a file is checked without any settings, as a pipeline does", async () => {
  const file = await policyFile("good.json", JSON.stringify(validPolicy()));
  const world = createCliWorld();
  const { exit } = await world.run("policy", "check", file, "--home-tenant", ids.homeTenantId.toUpperCase());
  assert.equal(exit, 0);
  assert.deepEqual(world.connections, [], "nothing was connected to");
});

test("a file that is not JSON, not text, or empty is a problem and no crash", async () => {
  for (const [name, content] of [
    ["text.json", "tenants: []"],
    ["empty.json", ""],
    ["bytes.json", "\u0000\u0001\ufffd{"],
    ["array.json", "[]"],
    ["deep.json", `${"[".repeat(50_000)}${"]".repeat(50_000)}`],
  ] as const) {
    const { exit, out } = await createCliWorld().run("policy", "check", await policyFile(name, content));
    assert.equal(exit, 1, name);
    assert.match(out, /\(file\)/, name);
  }
});

test("a policy that cannot be read is said to be so, with where and what helps, and exit code 3", async () => {
  const { exit, out, err } = await createCliWorld().run("policy", "check", join(folder, "missing.json"));
  assert.equal(exit, 3);
  assert.equal(out, "");
  assert.match(err, /^error: There is no policy\nwhere: .*missing\.json\nremedy: keyhold policy publish/);
});

test("keys with control characters do not reach the terminal as such", async () => {
  const text = JSON.stringify({ ...validPolicy(), "\u001b[2J\u202eevil": 1 });
  const { out } = await createCliWorld(text).run("policy", "check");
  assert.match(out, /unknown key/);
  assert.ok(!out.includes("\u001b") && !out.includes("\u202e"), out);
});

test("a home tenant that is no GUID is a usage error", async () => {
  const file = await policyFile("again.json", "{}");
  const { exit, err } = await createCliWorld().run("policy", "check", file, "--home-tenant", "contoso.com");
  assert.equal(exit, 2);
  assert.match(err, /--home-tenant is not a GUID/);
});

test("a grant that an upgrade would refuse is named, with who asks for it, and the exit code says so", async () => {
  const policy = validPolicy();
  policy.grants.push({
    ...{ caller: "exporter", client: "broker", tenants: ["home"] },
    ...{ scopes: ["https://management.azure.com/.default"], issues: ["token"] },
  });
  const { homeApis: _, ...before } = policy;
  const world = createCliWorld(JSON.stringify({ ...before, grants: before.grants.slice(-1) }));
  const { exit, out } = await world.run("policy", "check");
  assert.equal(exit, 1);
  assert.match(
    out,
    /^Valid: policy\.json[\s\S]*But 1 scope of its grants is refused:\n {2}- grants\[0\]\.scopes\[0\] \(exporter as broker\): /,
  );
  const { out: json } = await world.run("policy", "check", "--json");
  const { valid, withheld } = JSON.parse(json) as { valid: boolean; withheld: { path: string }[] };
  assert.deepEqual([valid, withheld.map(({ path }) => path)], [true, ["grants[0].scopes[0]"]]);
});
