import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

/**
 * Which hosts a cloud has is written in one file, so that a new cloud, or a host that moves, is one change, and whoever
 * reviews where tokens are sent reads one page (invariant I8).
 */
const source = fileURLToPath(new URL("../../src", import.meta.url));
const home = "domain/shared/cloud.ts";

/** Names that only look like hosts: XML namespaces and claims. Nothing connects to them. */
const identifiers = new Set(["www.w3.org", "docs.oasis-open.org", "schemas.xmlsoap.org", "schemas.microsoft.com"]);

/** Names below a top-level domain that Microsoft's clouds or the public Internet use. A member access is no literal. */
const hostPattern = /[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|us|cn|io|org|ms|de)(?![A-Za-z0-9_(])/g;

/** Host names in the code of a file, without those in comments. */
function hostsIn(text: string): string[] {
  const { code } = transformSync(text, { loader: "ts", format: "esm", minifyWhitespace: true, legalComments: "none" });
  const literals = code.match(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/(?:[^/\\\n]|\\.)+\/[a-z]*/g);
  return (literals ?? [])
    .flatMap((literal) => literal.match(hostPattern) ?? [])
    .filter((host) => !identifiers.has(host));
}

test("no host stands in src but in domain/shared/cloud.ts", () => {
  const found = globSync("**/*.ts", { cwd: source })
    .filter((file) => file !== home)
    .flatMap((file) => hostsIn(readFileSync(`${source}/${file}`, "utf8")).map((host) => `${file}: ${host}`));
  assert.deepEqual(found, []);
});

test("the rule finds a host in a string, a template, an expression and a suffix, and leaves comments and namespaces", () => {
  const hosts = (text: string) => hostsIn(text);
  assert.deepEqual(hosts('const a = "management.azure.com";'), ["management.azure.com"]);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program
  assert.deepEqual(hosts("const a = `https://${name}.vault.azure.net/keys`;"), ["vault.azure.net"]);
  assert.deepEqual(hosts("const a = { suffix: '.core.windows.net' };"), ["core.windows.net"]);
  assert.deepEqual(hosts('// see learn.microsoft.com\n/** login.microsoftonline.us */ const a = "";'), []);
  assert.deepEqual(hosts('const a = "http://www.w3.org/2000/09/xmldsig#"; const b = row.us;'), []);
});

test("the file of hosts holds some of every cloud, as the rule sees them", () => {
  const hosts = new Set(hostsIn(readFileSync(`${source}/${home}`, "utf8")));
  for (const host of ["login.microsoftonline.com", "vault.usgovcloudapi.net", "management.chinacloudapi.cn"]) {
    assert.ok(hosts.has(host), host);
  }
});
