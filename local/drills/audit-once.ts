/** The process behind `runAuditAsOf`: the composed app, and one run of its audit. */
import { keyhold } from "../../src/composition.ts";

await keyhold.recordSignRate();
process.exit();
