/** What the templates deploy: the committed results of Bicep's compiler (`npm run generate`). */
import { readFileSync } from "node:fs";

/** A resource of the sample deployment, evaluated. What only a deployment knows is an ARM expression in brackets. */
export interface Resource {
  /** ARM id: a role assignment's or diagnostic setting's contains the resource that it is on. */
  id: string;
  type: string;
  name: string;
  apiVersion: string;
  location?: string;
  kind?: string;
  tags?: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: each type has a shape of its own, which the compiler has checked
  [property: string]: any;
}

interface Template {
  parameters: Record<
    string,
    { type: string; defaultValue?: unknown; minLength?: number; metadata?: { description?: string } }
  >;
  outputs: Record<string, { type: string; value?: string }>;
  resources: Record<string, unknown>;
}

const read = (name: string) => readFileSync(new URL(`../../infra/${name}`, import.meta.url), "utf8");

export const templateText = read("main.json");
export const template = JSON.parse(templateText) as Template;
export const snapshot = JSON.parse(read("main.snapshot.json")) as {
  predictedResources: Resource[];
  diagnostics: string[];
};
export const resources: readonly Resource[] = snapshot.predictedResources;

export function ofType(type: string, among: readonly Resource[] = resources): Resource[] {
  return among.filter((each) => each.type === type);
}

/** The only resource of a type whose name ends with `name`. @throws where there is none, or more. */
export function theResource(type: string, name = "", among: readonly Resource[] = resources): Resource {
  const [found, ...others] = ofType(type, among).filter((each) => each.name.endsWith(name));
  if (!found || others.length > 0) throw new TypeError(`there is not exactly one ${type} ${name}`);
  return found;
}

/** The id of the resource that a role assignment, diagnostic setting or lock is on. */
export function scopeOf({ id }: Resource): string {
  return id.slice(0, id.lastIndexOf("/providers/"));
}

/** `module.output.path` of an expression that is the output of a module; undefined for any other. */
export function outputOf(expression: string): string | undefined {
  const [, module, path] = /format\('(\w+)-\{0\}',.*\.outputs\.([\w.]+)\)?\]$/.exec(expression) ?? [];
  return module && path ? `${module}.${path.replace(".value", "")}` : undefined;
}

/** The resources with one of them changed: each seeded fault is one. */
export function withChanged(type: string, name: string, change: (resource: Resource) => void): Resource[] {
  const copy = structuredClone(resources) as Resource[];
  change(theResource(type, name, copy));
  return copy;
}

/** The value at a path like `properties.sku.name`; undefined where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
}
