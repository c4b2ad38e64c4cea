import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { callers, client, scopes, tenants } from "../../stack/world.ts";
import { type ActionContext, action } from "./action.ts";

type CallerName = keyof typeof callers;
type TenantName = keyof typeof tenants;

const callerNames = Object.values(callers).map(({ name }) => name);
const input = z.strictObject({
  caller: z.enum(callerNames as [string, ...string[]]),
  tenant: z.enum(Object.keys(tenants) as [TenantName, ...TenantName[]]),
  scope: z.enum(Object.values(scopes)),
  /** Whether to ask for a new token even if one is cached (docs/use/callers.md). */
  fresh: z.boolean(),
});

/** Shows the answer that the caller gets, without the token, which is discarded here. */
export const askToken = action({
  input,
  title: ({ caller, tenant, fresh }) => `${caller} asks for a ${fresh ? "fresh " : ""}token for ${tenant}`,
  async run({ caller, tenant, scope, fresh }, { stack, say, eventsSince }) {
    const name = (Object.keys(callers) as CallerName[]).find((each) => callers[each].name === caller) ?? "billing";
    const sinceMs = Date.now();
    const own = await stack.callerToken(name);
    const response = await fetch(`${stack.functions.httpsUrl}/${tenants[tenant].tenantId}/oauth2/v2.0/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${own}`, ...(fresh && { "cache-control": "no-cache" }) },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: client.clientId, scope }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (response.ok) {
      say(`${response.status}: a token that lives ${Math.round(Number(answer.expires_in) / 60)} minutes more`);
      if (fresh && (await isServedFromCache({ caller, scope }, () => eventsSince(sinceMs)))) {
        say("it was minted less than a minute ago, so the cached one is served");
      }
    } else say(`${response.status} ${answer.error}: ${String(answer.error_description ?? "").slice(0, 200)}`);
  },
});

/** Read from Keyhold's own log, which the console reads twice a second. */
async function isServedFromCache(
  asked: { caller: string; scope: string },
  events: () => ReturnType<ActionContext["eventsSince"]>,
): Promise<boolean> {
  for (let looks = 0; looks < 20; looks++) {
    const answered = events().find(
      ({ event, callerName, scope }) =>
        event === "request_answered" && callerName === asked.caller && scope === asked.scope,
    );
    if (answered) return answered.cached === true;
    await sleep(250);
  }
  return false;
}
