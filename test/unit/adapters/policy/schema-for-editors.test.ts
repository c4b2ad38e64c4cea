/** What an editor shows while the policy is typed: policy.schema.json, which is generated from the schema. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as z from "zod";
import { policySchema } from "../../../../src/adapters/policy/schema.ts";

test("an editor shows, checks and completes exactly what the app accepts", async () => {
  const file = await readFile(new URL("../../../../policy.schema.json", import.meta.url), "utf8");
  const { $id: _, title: __, ...schema } = JSON.parse(file) as Record<string, unknown>;
  assert.deepEqual(JSON.parse(JSON.stringify(z.toJSONSchema(policySchema, { io: "input" }))), schema);
});
