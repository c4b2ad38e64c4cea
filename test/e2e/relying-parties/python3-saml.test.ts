/** python3-saml, which reads the keys from the file for each login. */
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { fixture, testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";

const program = "/usr/bin/python3";

testBehindTheUpdater({
  name: "python3-saml",
  skip: skipWithout(...requirementsOf([...updaterPackages, "python3-onelogin-saml2"])),
  serviceProvider: { program, parameters: [fixture("service-providers/python3_saml.py")] },
  ownCheck: { program, parameters: [fixture("metadata-checks/python3_saml.py")] },
  takes: ["the signature moved to an attacker's root"],
});
