import { z } from "zod";
import { action } from "./action.ts";
import { runKeyhold } from "./run-command.ts";

/** Runs the operators' own command line on the audit that found it. A drill has an audit of its own. */
export const acknowledgeFinding = action({
  input: z.strictObject({
    id: z.string().regex(/^[0-9a-f]{32,64}$/),
    reason: z.string().trim().min(1).max(200),
    auditTable: z
      .string()
      .regex(/^audit\d{1,20}$/)
      .exactOptional(),
  }),
  kind: "notes",
  title: ({ id }) => `keyhold findings acknowledge ${id.slice(0, 8)}...`,
  async run({ id, reason, auditTable }, context) {
    const { stack } = context;
    const usual = stack.settings(stack.ports.https).KEYHOLD_AUDIT_TABLE_URL ?? "";
    const url = auditTable === undefined ? usual : `${new URL(usual).origin}/${auditTable}`;
    const settings = { KEYHOLD_AUDIT_TABLE_URL: url };
    await runKeyhold(["findings", "acknowledge", id, `--reason=${reason}`], settings, context);
  },
});
