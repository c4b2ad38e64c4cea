/** pysaml2, whose own check of metadata takes an attacker's document without a signature. */
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { fixture, testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";

const program = "/usr/bin/python3";

testBehindTheUpdater({
  name: "pysaml2",
  skip: skipWithout(...requirementsOf([...updaterPackages, "python3-pysaml2"])),
  serviceProvider: { program, parameters: [fixture("service-providers/pysaml2.py")] },
  ownCheck: { program, parameters: [fixture("metadata-checks/pysaml2.py")] },
  takes: [
    "an attacker's document without a signature",
    "the signed document wrapped in an attacker's",
    "the signed document behind an attacker's role and the publisher's certificate",
    "the signature moved to an attacker's root",
  ],
});
