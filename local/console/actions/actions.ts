import { acknowledgeFinding } from "./acknowledge-finding.ts";
import type { Action } from "./action.ts";
import { askToken } from "./ask-token.ts";
import { burst, cutLog, rollKey, stealSignature } from "./drills.ts";
import { manInTheMiddle } from "./man-in-the-middle.ts";
import { setService } from "./set-service.ts";
import { setTenantState } from "./set-tenant-state.ts";
import { stageCertificate } from "./stage-certificate.ts";
import { checkCredentials, refreshMetadata } from "./timers.ts";

/** By the name in `POST /actions/{name}`. */
export const actions: Record<string, Action> = {
  "ask-token": askToken,
  "acknowledge-finding": acknowledgeFinding,
  "roll-key": rollKey,
  "refresh-metadata": refreshMetadata,
  "check-credentials": checkCredentials,
  "stage-certificate": stageCertificate,
  "set-tenant-state": setTenantState,
  "set-service": setService,
  "steal-signature": stealSignature,
  "cut-log": cutLog,
  burst,
  "man-in-the-middle": manInTheMiddle,
};
