/** The process behind `runAuditAsOf`: composes the app and runs its audit once. */
import { compose } from "../../src/composition.ts";

const keyhold = compose();
await keyhold.recordSignRate();
process.exit();
