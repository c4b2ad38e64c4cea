/** Writes the generated files that are checked in: `npm run generate`. A test fails if they are out of date. */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { compile, findBicep, howToGetBicep } from "./infra/compile.ts";
import { policySchema } from "./src/adapters/policy/schema.ts";

export function policyJsonSchema(): string {
  const schema = z.toJSONSchema(policySchema, { io: "input" });
  return `${JSON.stringify({ $id: "policy.schema.json", title: "Keyhold policy", ...schema }, undefined, 2)}\n`;
}

if (import.meta.main) {
  await writeFile("policy.schema.json", policyJsonSchema());
  const bicep = await findBicep();
  if (bicep) await compile(bicep, fileURLToPath(new URL("infra", import.meta.url)));
  else console.error(`infra/main.json and infra/main.snapshot.json are left as they are. ${howToGetBicep}`);
}
