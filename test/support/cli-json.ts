import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { parse } from "yaml";

/** The documented shapes of what commands print with --json: docs/reference/cli-json.yaml. */
const file = new URL("../../docs/reference/cli-json.yaml", import.meta.url);
const schema = parse(readFileSync(file, "utf8")) as { properties: Record<string, object> };
const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(schema, "cli-json");

/** The commands in the document, such as `tenant suspend`. */
export const documentedCommands: readonly string[] = Object.keys(schema.properties);

/** The deviations of an output from the document, by path; empty if there are none. */
export function shapeErrors(command: string, json: unknown): string[] {
  const pointer = `cli-json#/properties/${encodeURIComponent(command)}`;
  const validate = ajv.getSchema(pointer);
  if (!validate) return [`docs/reference/cli-json.yaml has no shape for "${command}"`];
  validate(json);
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath || "the document"} ${message} ${JSON.stringify(params)}`;
  });
}

/** The command that a command line calls, without options. Undefined if it is not documented. */
export function commandOf(args: readonly string[]): string | undefined {
  const words = args.join(" ");
  return documentedCommands.filter((name) => `${words} `.includes(`${name} `)).sort((a, b) => b.length - a.length)[0];
}
