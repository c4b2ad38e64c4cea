/** ruby-saml, which reads the keys from the file for each login. */
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { fixture, testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";

const program = "/usr/bin/ruby";

testBehindTheUpdater({
  name: "ruby-saml",
  skip: skipWithout(...requirementsOf([...updaterPackages, "ruby-saml"])),
  serviceProvider: { program, parameters: [fixture("service-providers/ruby_saml.rb")] },
  ownCheck: { program, parameters: [fixture("metadata-checks/ruby_saml.rb")] },
  takes: ["the signed document behind an attacker's role and the publisher's certificate"],
});
