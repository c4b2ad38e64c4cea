/** node-saml with passport-saml-metadata, which read the keys from the file for each login and check no document. */
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { fixture, testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";

const program = process.execPath;

testBehindTheUpdater({
  name: "node-saml",
  skip: skipWithout(...requirementsOf(updaterPackages)),
  serviceProvider: { program, parameters: [fixture("service-providers/node-saml.ts")] },
  ownCheck: { program, parameters: [fixture("metadata-checks/node-saml.ts")] },
  takes: [
    "an attacker's document without a signature",
    "a tampered document",
    "an attacker's signature",
    "an attacker's signature that names the publisher",
    "an attacker's signature that brings its own key",
    "the signed document wrapped in an attacker's",
    "the signed document behind an attacker's role and the publisher's certificate",
    "the signature moved to an attacker's root",
    "an attacker's root with the ID of the signed document",
  ],
});
