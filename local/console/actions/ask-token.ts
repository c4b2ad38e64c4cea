import { z } from "zod";
import { callers, client, scopes, tenants } from "../../stack/world.ts";
import { action } from "./action.ts";

type CallerName = keyof typeof callers;
type TenantName = keyof typeof tenants;

const callerNames = Object.values(callers).map(({ name }) => name);
const input = z.strictObject({
  caller: z.enum(callerNames as [string, ...string[]]),
  tenant: z.enum(Object.keys(tenants) as [TenantName, ...TenantName[]]),
  scope: z.enum(Object.values(scopes)),
});

/** Shows the answer that the caller gets, without the token, which is dropped here. */
export const askToken = action({
  input,
  title: ({ caller, tenant }) => `${caller} asks for a token for ${tenant}`,
  async run({ caller, tenant, scope }, { stack, say }) {
    const name = (Object.keys(callers) as CallerName[]).find((each) => callers[each].name === caller) ?? "billing";
    const own = await stack.callerToken(name);
    const response = await fetch(`${stack.functions.httpsUrl}/${tenants[tenant].tenantId}/oauth2/v2.0/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${own}` },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: client.clientId, scope }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (response.ok)
      say(`${response.status}: a token that lives ${Math.round(Number(answer.expires_in) / 60)} minutes more`);
    else say(`${response.status} ${answer.error}: ${String(answer.error_description ?? "").slice(0, 200)}`);
  },
});
