import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildBundle, buildCommandLine, filesAtStart, loadedAtStart } from "../../build.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "keyhold-bundle-"));
after(() => rm(folder, { recursive: true, force: true }));

const read = (...path: string[]) => readFile(join(folder, ...path), "utf8");

const metafile = await buildBundle(join(folder, "app/dist"));
await buildBundle(join(folder, "again/dist"));

/** Every file of a build and what is in it. */
async function filesOf(...path: string[]): Promise<Map<string, string>> {
  const names = (await readdir(join(folder, ...path))).sort();
  const latin1 = (name: string) => readFile(join(folder, ...path, name), "latin1");
  return new Map(await Promise.all(names.map(async (name) => [name, await latin1(name)] as const)));
}

const startLoads = (name: RegExp) => loadedAtStart(metafile).filter((file) => name.test(file));

test("two builds of one source are identical to the byte, including the code cache", async () => {
  assert.deepEqual(await filesOf("app/dist"), await filesOf("again/dist"));
});

test("the bundle contains every package except the one that the worker itself serves", async () => {
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
  const outside = new Set(
    imported.map(({ path }) => path).filter((path) => !builtinModules.includes(path.replace(/^node:/, ""))),
  );
  assert.deepEqual([...outside], ["@azure/functions-core"]);
});

test("Azure's functions library is bundled from its source, because its compiled form retains the objects of every request", async () => {
  const inputs = Object.keys(metafile.inputs).filter((file) => /^node_modules\/@azure\/functions(-|\/)/.test(file));
  assert.ok(inputs.includes("node_modules/@azure/functions/src/InvocationModel.ts"));
  assert.deepEqual(
    inputs.filter((file) => !/^node_modules\/@azure\/functions(-extensions-base)?\/src\//.test(file)),
    [],
  );
  for (const [name, text] of await filesOf("app/dist")) {
    assert.ok(!name.endsWith(".js") || !text.includes("Cannot read private member from an object"), name);
  }
});

test("the bundle contains nothing of the local stack and no path of the machine", async () => {
  const text = [...(await filesOf("app/dist"))]
    .filter(([name]) => /\.(js|codecache)$/.test(name))
    .map(([, content]) => content)
    .join();
  for (const path of [repository, folder]) assert.ok(!text.includes(path));
  assert.doesNotMatch(text, /emulator|LOCAL_ROUTES|keyhold-local/);
});

test("the SDK of telemetry is in a file that is loaded later", async () => {
  const files = await filesOf("app/dist");
  const sdk = /BatchSpanProcessor/;
  assert.doesNotMatch(files.get("main.js") ?? "", sdk);
  assert.ok([...files].some(([name, text]) => name.startsWith("later-") && name.endsWith(".js") && sdk.test(text)));
});

test("there is one copy of each OpenTelemetry package: two would not share their providers", () => {
  const folders = new Map<string, Set<string>>();
  for (const file of Object.keys(metafile.inputs)) {
    const [, folder, name] = /^(.*node_modules\/(@opentelemetry\/[^/]+))\//.exec(file) ?? [];
    if (folder && name) folders.set(name, (folders.get(name) ?? new Set()).add(folder));
  }
  assert.ok(folders.has("@opentelemetry/api") && folders.has("@opentelemetry/sdk-node"));
  const doubled = [...folders].filter(([, { size }]) => size > 1);
  assert.deepEqual(doubled, []);
});

test("the bundle has no instrumentation of the OpenTelemetry distribution, and only Azure Monitor's exporter", () => {
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  assert.ok(files.some((file) => file.startsWith("node_modules/@azure/monitor-opentelemetry-exporter/")));
  const unused =
    /^node_modules\/(@grpc|protobufjs|yaml|@opentelemetry\/(exporter-|otlp-|propagator-|configuration|instrumentation-))/;
  assert.deepEqual(
    files.filter((file) => unused.test(file)),
    [],
  );
});

test("a cold start loads no library that verifies or signs XML, because a token needs none", () => {
  const xml = /^node_modules\/(xml-crypto|@xmldom\/xmldom|xpath)\//;
  assert.deepEqual(startLoads(xml), []);
  assert.ok(Object.values(metafile.outputs).some(({ inputs }) => Object.keys(inputs).some((file) => xml.test(file))));
});

test("a cold start loads no SDK for blobs or identities: the first request for a token does", () => {
  const sdks = /^node_modules\/@azure\/(storage-blob|storage-common|identity|msal-(node|common))\//;
  assert.deepEqual(startLoads(sdks), []);
  assert.ok(Object.keys(metafile.inputs).filter((file) => sdks.test(file)).length > 50);
});

test("a cold start loads nothing that signs with a key of the process, and in all less than 800 kB", async () => {
  assert.deepEqual(startLoads(/^node_modules\/(jsonwebtoken|jws|jwa|semver)\//), []);
  const files = await filesOf("app/dist");
  const bytes = filesAtStart(metafile).map((name) => files.get(name)?.length ?? Number.NaN);
  const sum = bytes.reduce((sum, size) => sum + size, 0);
  assert.ok(sum > 400_000 && sum < 800_000, `${bytes.join(" + ")} bytes`);
});

test("the entry itself is small and imports only Node's modules", async () => {
  const { size } = await stat(join(folder, "app/dist/index.js"));
  assert.ok(size < 2_000, `${size} bytes`);
  const imported = [...(await read("app/dist/index.js")).matchAll(/from\s*["']([^"']+)["']/g)].map(([, name]) => name);
  assert.ok(imported.length > 0 && imported.every((name) => name?.startsWith("node:")), imported.join());
});

/** In a process of its own: which scripts a load of the deployable runs, and which of them V8 did not compile anew. */
function loadOf(app: string, ...flags: string[]): { loaded: string[]; precompiled: string[] } {
  const script = `
    const { default: Module } = await import("node:module");
    const { createScripts } = await import(${JSON.stringify(new URL("../../src/scripts.ts", import.meta.url).href)});
    const { require } = Module.prototype;
    const core = { registerFunction() {}, registerHook() {}, setProgrammingModel() {}, log() {} };
    Module.prototype.require = function (id) { return id === "@azure/functions-core" ? core : require.call(this, id); };
    const scripts = createScripts(${JSON.stringify(pathToFileURL(join(folder, app, "dist/index.js")).href)});
    scripts.load("main.js");
    const all = [...scripts.loaded];
    console.log(JSON.stringify({ loaded: all.map(([name]) => name), precompiled: all.filter(([, { isPrecompiled }]) => isPrecompiled).map(([name]) => name) }));`;
  const args = [...flags, "--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: {},
  });
  return JSON.parse(output);
}

test("V8 accepts the packaged code for every script that a load runs, and none of it under other flags", () => {
  const { loaded, precompiled } = loadOf("app");
  assert.deepEqual(loaded.toSorted(), filesAtStart(metafile).toSorted());
  assert.deepEqual(precompiled, loaded);
  assert.deepEqual(loadOf("app", "--expose-gc"), { loaded, precompiled: [] });
});

test("a cold start loads zod, with only English of its languages", () => {
  assert.deepEqual(startLoads(/^node_modules\/zod\/v4\/locales\//), ["node_modules/zod/v4/locales/en.js"]);
});

test("package.json names the bundle as the entry, and host.json sets no route prefix", async () => {
  const packageJson = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  const hostJson = JSON.parse(await readFile(join(repository, "host.json"), "utf8"));
  assert.equal(packageJson.main, "dist/index.js");
  assert.equal(packageJson.type, "module");
  assert.equal(hostJson.extensions.http.routePrefix, "");
});

test("the bundled command line knows the version of package.json, and contains nothing else of that file", async () => {
  await buildCommandLine(join(folder, "cli"));
  const file = join(folder, "cli/cli.js");
  const { version } = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  assert.equal(execFileSync(process.execPath, [file, "--version"], { encoding: "utf8" }), `${version}\n`);
  assert.doesNotMatch(await readFile(file, "utf8"), /devDependencies/);
});

test("the worker's rules load it from a folder without node_modules, with exactly the functions of src/functions.ts", async () => {
  await mkdir(join(folder, "app"), { recursive: true });
  for (const file of ["package.json", "host.json"]) await cp(join(repository, file), join(folder, "app", file));
  const stack = await testStack({ startFunctions: false });
  const ports = await freePorts();
  const instance = await stack.addInstance(ports, {}, join(folder, "app"));
  const listed = instance.functions.map(({ name, trigger, methods, route, schedule }) =>
    [name, trigger, ...(methods ?? []), route ?? schedule].join(" "),
  );
  assert.deepEqual(listed.sort(), [
    "assertion httpTrigger POST /{tenantId}/assertion",
    "checkCredentials timerTrigger 0 47 * * * *",
    "checkMetadata timerTrigger */30 * * * * *",
    "federation-metadata httpTrigger GET HEAD /{tenantId}/federationmetadata/2007-06/federationmetadata.xml",
    "health-live httpTrigger GET HEAD /health/live",
    "health-ready httpTrigger GET HEAD /health/ready",
    "idp-metadata httpTrigger GET HEAD /{tenantId}/federationmetadata/2007-06/idp.xml",
    "keys httpTrigger GET HEAD /{tenantId}/discovery/v2.0/keys",
    "openid-configuration httpTrigger GET HEAD /{tenantId}/v2.0/.well-known/openid-configuration",
    "recordSignRate timerTrigger 30 */5 * * * *",
    "refreshMetadata timerTrigger 0 17 * * * *",
    "token httpTrigger POST /{tenantId}/oauth2/v2.0/token",
    "token-v1 httpTrigger POST /{tenantId}/oauth2/token",
  ]);
  // Telemetry of the invocations is Keyhold's own from here on.
  assert.equal(instance.capabilities.WorkerOpenTelemetryEnabled, "true");
  const answer = await askToken(stack, world.tenants.contoso.tenantId, { url: instance.httpsUrl });
  assert.equal(answer.status, 200);
});

test("with damaged or foreign code caches it starts and answers, and writes nothing into its folder", async () => {
  await cp(join(folder, "app"), join(folder, "garbled"), { recursive: true });
  const dist = join(folder, "garbled/dist");
  const caches = (await readdir(dist)).filter((name) => name.endsWith(".codecache"));
  for (const [index, name] of caches.entries()) {
    const content = await readFile(join(dist, name));
    content.fill(index, content.length >> 1);
    await writeFile(join(dist, name), content);
  }
  const before = await stateOf(dist);
  assert.deepEqual(loadOf("garbled").precompiled, []);
  const stack = await testStack({ startFunctions: false });
  const instance = await stack.addInstance(await freePorts(), {}, join(folder, "garbled"));
  const answer = await askToken(stack, world.tenants.contoso.tenantId, { url: instance.httpsUrl });
  assert.equal(answer.status, 200);
  await instance.stop();
  assert.deepEqual(await stateOf(dist), before);
});

/** Every file of a folder, with when it was written. */
async function stateOf(path: string): Promise<[name: string, writtenMs: number][]> {
  const names = (await readdir(path)).sort();
  return Promise.all(names.map(async (name) => [name, (await stat(join(path, name))).mtimeMs]));
}
