/** python3-saml, which reads the keys from the file for each login. */
import { requirementsOf } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";
import { python3Saml } from "./fixtures/file-readers.ts";

testBehindTheUpdater(python3Saml, skipWithout(...requirementsOf(python3Saml.packages)));
