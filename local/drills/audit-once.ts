/** The process behind `runAuditAsOf`: the composed app, and one run of its audit. */
import { compose } from "../../src/composition.ts";

const keyhold = compose();
await keyhold.recordSignRate();
process.exit();
