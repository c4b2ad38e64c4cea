/** node-saml with passport-saml-metadata, which read the keys from the file for each login and check no document. */
import { requirementsOf } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";
import { nodeSaml } from "./fixtures/file-readers.ts";

testBehindTheUpdater(nodeSaml, skipWithout(...requirementsOf(nodeSaml.packages)));
