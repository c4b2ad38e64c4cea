import { z } from "zod";
import { tenants } from "../../stack/world.ts";
import { action } from "./action.ts";
import { policyInForce } from "./policy-in-force.ts";
import { runCommand } from "./run-command.ts";

const names = Object.keys(tenants) as [keyof typeof tenants, ...(keyof typeof tenants)[]];

/** Runs the operators' own command line. */
export const setTenantState = action({
  input: z.strictObject({ tenant: z.enum(names), verb: z.enum(["suspend", "resume"]) }),
  kind: "policy",
  title: ({ tenant, verb }) => `keyhold tenant ${verb} ${tenant}`,
  async run({ tenant, verb }, context) {
    const sinceMs = Date.now();
    await runCommand(["local/keyhold.mjs", "tenant", verb, tenant], context, context.say);
    await policyInForce(context, sinceMs);
  },
});
