/** pysaml2, whose own check of metadata accepts an attacker's document without a signature. */
import { requirementsOf } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";
import { pysaml2 } from "./fixtures/file-readers.ts";

testBehindTheUpdater(pysaml2, skipWithout(...requirementsOf(pysaml2.packages)));
