import assert from "node:assert/strict";
import { test } from "node:test";
import { CredentialUnavailableError } from "@azure/identity";
import { createCliWorld, leafCommands } from "./cli-world.ts";

test("the help of every command says what it is for, how it is called, what its options are, and gives an example", async () => {
  const names = await leafCommands();
  assert.ok(names.length > 30, names.join(", "));
  for (const name of names) {
    const { exit, out } = await createCliWorld().run(...name.split(" "), "--help");
    assert.equal(exit, 0);
    assert.match(out, new RegExp(`^Usage: keyhold ${name} \\[options\\]`));
    assert.match(out, /\n\n[A-Z](?:(?!\n\n)[\s\S])+\.\n\n/, `${name}: a description in sentences`);
    assert.match(out, new RegExp(`^Examples?:\n  keyhold ${name}`, "m"));
    for (const [, option, text] of out.matchAll(/^ {2}(-\S+(?: <\S+>)?)(.*)$/gm)) {
      assert.match(text ?? "", /\S/, `${name} ${option} has a description`);
    }
  }
});

test("a usage error ends with the command whose help explains it", async () => {
  const { err } = await createCliWorld().run("tenant", "suspend");
  assert.match(err, /\ntry: keyhold tenant suspend --help$/);
  const unknown = await createCliWorld().run("tenant", "stop");
  assert.match(unknown.err, /\ntry: keyhold tenant --help$/);
});

test("the help of the whole documents every exit code", async () => {
  const { out } = await createCliWorld().run("--help");
  assert.match(out, /Exit codes: 0 .*, 1 .*, 2 .*, 3 /);
});

test("--version prints the version and nothing else", async () => {
  assert.deepEqual(await createCliWorld().run("--version"), { exit: 0, out: "1.2.3", err: "" });
});

test("an unknown command, a missing option and a missing argument are usage errors", async () => {
  for (const args of [
    ["tenants"],
    ["explain", "--caller", "billing"],
    ["tenant", "suspend"],
    ["tenant", "delete", "x"],
  ]) {
    const { exit, err } = await createCliWorld().run(...args);
    assert.equal(exit, 2, args.join(" "));
    assert.match(err, /^error: /);
  }
});

const missing: [command: string, given: string[], all: string][] = [
  ["explain", [], "--caller <name|objectId>, --client <name|clientId>, --tenant <name|id>"],
  ["explain", ["--client", "orders-app"], "--caller <name|objectId>, --tenant <name|id>"],
  ["tenant add", [], "<tenant-id>, --name <name>"],
  ["tenant add", ["--name", "litware"], "<tenant-id>"],
  ["tenant add", ["40000000-0000-4000-8000-000000000004"], "--name <name>"],
  ["tenant add", ["--naem", "litware"], "<tenant-id>, --name <name>"],
];
for (const [command, given, all] of missing) {
  test(`${[command, ...given].join(" ")} reports at once what is required and missing: ${all}`, async () => {
    const { exit, err } = await createCliWorld().run(...command.split(" "), ...given);
    assert.equal(exit, 2);
    assert.equal(err, `error: required and missing: ${all}\ntry: keyhold ${command} --help`);
  });
}

test("an error that nobody expected is told by its kind: no text, no stack, exit code 3", async () => {
  const world = createCliWorld();
  world.connect = () => {
    throw new TypeError("https://vault/keys/secret Bearer eyJ0");
  };
  const { exit, out, err } = await world.run("policy", "check");
  assert.equal(exit, 3);
  assert.equal(out, "");
  assert.match(err, /^error: unexpected \(TypeError\)\nwhere: .*\nremedy: .*\ntry: keyhold doctor$/);
  assert.doesNotMatch(err, /eyJ|vault\/keys| {4}at /);
});

test("that nobody is signed in is said, with how to sign in", async () => {
  const world = createCliWorld();
  world.place.readFailure = new CredentialUnavailableError("Azure CLI not found at /home/somebody");
  const { exit, err } = await world.run("tenant", "suspend", "contoso");
  assert.equal(exit, 3);
  assert.match(err, /Nobody is signed in here[\s\S]*az login/);
  assert.doesNotMatch(err, /somebody/);
});

test("who to act as is handed to the connection", async () => {
  const world = createCliWorld();
  await world.run("policy", "check");
  await world.run("policy", "check", "--operator-identity", "50000000-0000-4000-8000-000000000099");
  assert.deepEqual(world.connections, [{}, { operatorIdentity: "50000000-0000-4000-8000-000000000099" }]);
});

test("the operator's token goes to a vault of the cloud and nowhere else", async () => {
  const args = ["client", "add-certificate", "--client", "30000000-0000-4000-8000-000000000001", "--key", "orders-app"];
  for (const url of [
    ...[
      "https://evil.example",
      "http://a.vault.azure.net",
      "https://a.vault.azure.net.evil.example",
      "a.vault.azure.net",
    ],
    ...["https://u:p@a.vault.azure.net", "https://a.vault.azure.net:8443/", "https://a.vault.azure.net/keys/x", ""],
    "https://a.vault.azure.cn",
  ]) {
    const world = createCliWorld();
    const { exit, err } = await world.run(...args, "--vault", url);
    assert.equal(exit, 2, url);
    assert.match(err, /--vault is not usable here/);
    assert.deepEqual(world.connections, []);
  }
});

test("the first certificate needs neither policy nor settings, and says what it lacks", async () => {
  const args = ["client", "add-certificate", "--vault", "https://a.vault.azure.net"];
  const wrong: [args: string[], expected: RegExp][] = [
    [["--client", "orders-app", "--key", "orders-app"], /--client is not a GUID/],
    [["--client", "30000000-0000-4000-8000-000000000001"], /--key is not usable here/],
    [["--client", "30000000-0000-4000-8000-000000000001", "--key", "../x"], /--key is not usable here/],
    [["--client", "30000000-0000-4000-8000-000000000001", "--key", "x", "--policy"], /--policy is not usable here/],
  ];
  for (const [more, expected] of wrong) {
    const { exit, err } = await createCliWorld().run(...args, ...more);
    assert.equal(exit, 2);
    assert.match(err, expected);
  }
});

test("long work shows what it is at, and the line is erased before anything else is written and at the end", async () => {
  const cases: [args: string[], expected: RegExp][] = [
    [["ledger", "--json"], /^reading the ledger$/],
    [["tenant", "suspend", "contoso"], /^suspended; reading a day of the ledger/],
    [["metadata", "refresh"], /^waiting for the app: 0 of \d+ sources? answered, 0 s of 120 s at most$/],
  ];
  for (const [args, expected] of cases) {
    const world = createCliWorld();
    await world.run(...args);
    assert.match(world.shown[0] ?? "", expected);
    assert.equal(world.shown.at(-1), "", args.join(" "));
  }
  const quick = createCliWorld();
  await quick.run("policy", "check");
  assert.deepEqual(quick.shown, [], "what is quick shows nothing");
});

test("an error ends with the command that helps: what fits it, the doctor where something is unavailable, else help", async () => {
  const world = createCliWorld();
  assert.match((await world.run("tenant", "resume", "nobody")).err, /\ntry: keyhold tenant resume --help$/);
  world.ledger.isDown = true;
  assert.match((await world.run("ledger")).err, /\ntry: keyhold doctor$/);
  world.place.text = "{";
  assert.match((await world.run("explain", ...request)).err, /\ntry: keyhold policy check$/);
  world.place.readFailure = new CredentialUnavailableError("nobody");
  assert.match((await world.run("policy", "check")).err, /\ntry: az login$/);
});

const request = ["--caller", "billing", "--client", "broker", "--tenant", "contoso", "--assertion"];
