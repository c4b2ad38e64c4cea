/** .NET with SignedXml, which reads the keys from the file for each login. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { buildDotnet } from "../../support/dotnet-build.ts";
import { skipWithout } from "../../support/requirements.ts";
import { fixture, testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";

const skip =
  skipWithout(...requirementsOf(updaterPackages)) || skipWithout(["dotnet"], "Install the .NET SDK 10 (ASP.NET Core).");
const folder = mkdtempSync(join(tmpdir(), "keyhold-dotnet-saml-"));
after(() => rmSync(folder, { recursive: true }));
if (!skip) await buildDotnet(fixture("service-providers/dotnet/"), folder);
const serviceProvider = join(folder, "out", "service-provider.dll");

testBehindTheUpdater({
  name: "dotnet-saml",
  skip,
  serviceProvider: { program: "dotnet", parameters: [serviceProvider] },
  ownCheck: { program: "dotnet", parameters: [serviceProvider, "check"] },
  takes: [
    "the signed document wrapped in an attacker's",
    "the signed document behind an attacker's role and the publisher's certificate",
    "the signature moved to an attacker's root",
  ],
});
