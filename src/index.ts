/** The entry that package.json `main` names, bundled to dist/index.js: every function file, in this order. */
import { app } from "@azure/functions";
import { keyhold } from "./composition.ts";
import "./functions/token.ts";
import "./functions/assertion.ts";
import "./functions/openid-configuration.ts";
import "./functions/keys.ts";
import "./functions/federation-metadata.ts";
import "./functions/idp-metadata.ts";
import "./functions/refresh-metadata.ts";
import "./functions/record-sign-rate.ts";
import "./functions/check-credentials.ts";
import "./functions/health-live.ts";
import "./functions/health-ready.ts";

app.hook.preInvocation((hook) => {
  const { functionName: name, invocationId: correlationId, traceContext } = hook.invocationContext;
  const { traceParent } = traceContext ?? {};
  const handler = hook.functionHandler;
  hook.functionHandler = (...args) =>
    keyhold.traceInvocation({ name, correlationId, ...(traceParent && { traceParent }) }, () => handler(...args));
});
app.hook.appTerminate(() => keyhold.drain());
