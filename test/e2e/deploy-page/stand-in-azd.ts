/** The Azure Developer CLI: an environment of values, and deployments whose values are checked. */
import { readFileSync } from "node:fs";
import { UsageError } from "./command-line.ts";
import { changeDone, readAzure, readDone } from "./state.ts";

const repository = new URL("../../../", import.meta.url);
const parse = (file: string) => JSON.parse(readFileSync(new URL(file, repository), "utf8"));
const inputs: Record<string, { value: string }> = parse("infra/main.parameters.json").parameters;
const template: { parameters: Record<string, { type: string }>; outputs: object } = parse("infra/main.json");

/** Variable to parameter, and whether it has a default. */
const variables = new Map(
  Object.entries(inputs).map(([parameter, { value }]) => {
    const [, name = "", preset] = /^\$\{(\w+)(=.*)?\}$/.exec(value) ?? [];
    return [name, { parameter, isRequired: preset === undefined }];
  }),
);

export function azd(args: readonly string[]): string | undefined {
  const [first = "", second = "", name = "", value] = args;
  const count = args.length;
  switch (`${first} ${second}`.trim()) {
    case "auth login":
      return expectCount(count, 2);
    case "env new":
      expectCount(count, 3);
      if (!/^[\w-]{1,64}$/.test(name)) throw new UsageError("not a name of an environment");
      return changeDone((done) => {
        // It asks for the location when it deploys.
        done.environment = { AZURE_ENV_NAME: name, AZURE_LOCATION: "westeurope" };
      });
    case "env set":
      expectCount(count, 4);
      return set(name, value ?? "");
    case "env get-values":
      expectCount(count, 2);
      return Object.entries({ ...environment(), ...(readDone().provisions.length > 0 ? outputs() : {}) })
        .map(([key, text]) => `${key}="${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`)
        .join("\n");
    case "up":
    case "provision":
      expectCount(count, 1);
      return provision();
    default:
      throw new UsageError("not a command that is known here");
  }
}

function expectCount(count: number, expected: number): undefined {
  if (count !== expected) throw new UsageError("too many or too few arguments");
}

function environment(): Record<string, string> {
  const { environment: values } = readDone();
  if (!values) throw new UsageError("there is no environment: azd env new");
  return values;
}

function set(name: string, value: string): undefined {
  const variable = variables.get(name);
  if (!variable) throw new UsageError(`${name} is no variable of the deployment`);
  const isList = template.parameters[variable.parameter]?.type === "array";
  if (isList && !isJsonList(value)) throw new UsageError(`${name} must be a list in JSON`);
  environment();
  changeDone((done) => Object.assign(done.environment ?? {}, { [name]: value }));
}

function isJsonList(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

function provision(): undefined {
  const values = environment();
  const missing = [...variables].filter(([name, { isRequired }]) => isRequired && !values[name]);
  if (missing.length > 0) throw new UsageError(`not set: ${missing.map(([name]) => name).join(", ")}`);
  changeDone((done) => void done.provisions.push(values));
}

/** Of what the test says, what the templates have. */
function outputs(): Record<string, string> {
  const all = readAzure().outputs;
  const missing = Object.keys(template.outputs).filter((name) => !all[name]);
  if (missing.length > 0) throw new UsageError(`the test says nothing of ${missing.join(", ")}`);
  return Object.fromEntries(Object.keys(template.outputs).map((name) => [name, all[name] ?? ""]));
}
