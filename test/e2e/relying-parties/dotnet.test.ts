/** .NET with SignedXml, which reads the keys from the file for each login. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { buildDotnet } from "../../support/dotnet-build.ts";
import { skipWithout } from "../../support/requirements.ts";
import { testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";
import { dotnet, fixture } from "./fixtures/file-readers.ts";

const skip =
  skipWithout(...requirementsOf(updaterPackages)) || skipWithout(["dotnet"], "Install the .NET SDK 10 (ASP.NET Core).");
const folder = mkdtempSync(join(tmpdir(), "keyhold-dotnet-saml-"));
after(() => rmSync(folder, { recursive: true }));
if (!skip) await buildDotnet(fixture("service-providers/dotnet/"), folder);
testBehindTheUpdater(dotnet(join(folder, "out", "service-provider.dll")), skip);
