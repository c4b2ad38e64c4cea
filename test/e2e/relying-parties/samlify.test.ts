/** samlify, which reads the keys from the file for each login and checks no document. */
import { requirementsOf } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { testBehindTheUpdater } from "./fixtures/behind-the-updater.ts";
import { samlify } from "./fixtures/file-readers.ts";

testBehindTheUpdater(samlify, skipWithout(...requirementsOf(samlify.packages)));
