import type { Finding } from "./finding.ts";
import type { BicepFile, Resource } from "./parse.ts";
import { resourceShapes } from "./resource-shapes.ts";
import { any, checkShape, list, record, text } from "./shape.ts";
import { loopBody, type Value } from "./value.ts";

/** Whether each resource has the properties that its type and API version have. */
export function checkShapes(file: BicepFile): Finding[] {
  return [...file.resources.flatMap((resource) => checkResource(file, resource)), ...checkModules(file)];
}

const deployment = { "scope?": any, "dependsOn?": list(any) };
const reference = record({ name: text, "parent?": any, "scope?": any });
const module = record({ ...deployment, "name?": text, "params?": any });
/** What is deployed to a subscription says for each module which resource group it is for. */
const scopedModule = record({ "dependsOn?": list(any), scope: any, "name?": text, "params?": any });

function checkResource(file: BicepFile, { symbol, type, line, existing, body }: Resource): Finding[] {
  const value = loopBody(body) as Value;
  const members = resourceShapes[type];
  if (members === undefined) {
    const other = Object.keys(resourceShapes).find((known) => known.split("@")[0] === type.split("@")[0]);
    const help = other ? `use ${other}` : "add it to test/infra/bicep/resource-shapes.ts";
    return [{ file: file.path, line, text: `${symbol} is of a type that is not known here, ${type}: ${help}` }];
  }
  if (existing) return checkShape(value, reference, symbol, file.path);
  // A child names its parent; what extends another resource (a lock, a role assignment) names that as its scope.
  const isChild = (type.split("@")[0]?.split("/").length ?? 0) > 2;
  const parent = isChild ? { parent: any } : undefined;
  return checkShape(value, record({ name: text, ...parent, ...deployment, ...members }), symbol, file.path);
}

function checkModules(file: BicepFile): Finding[] {
  const shape = file.code.includes("targetScope = 'subscription'") ? scopedModule : module;
  return file.modules.flatMap(({ symbol, body }) => checkShape(loopBody(body) as Value, shape, symbol, file.path));
}
