/**
 * Finds the function that answers a method and a path. Templates may contain literals, `{name}`, `{name?}`,
 * `{name:constraint}` and `{*rest}`. Segments that mix text and parameters, default values and rarer constraints are
 * refused at the start.
 *
 * The most literal template wins. Azure's host has no such rule: there the alphabetically first function whose template
 * matches wins. `orderWarnings` reports where the two orders differ, because such an app would behave differently in
 * Azure.
 */
import type { RegisteredFunction } from "./core-api.ts";
import { splitPath } from "./request-path.ts";
import { matchSegments, parseTemplate, precedenceOf, type Segment, samplePaths } from "./route-template.ts";

interface Route {
  fn: RegisteredFunction;
  /** With the prefix, without leading and trailing slashes. */
  template: string;
  methods: Set<string>;
  segments: Segment[];
}

interface Match {
  fn: RegisteredFunction;
  params: Record<string, string>;
}

export interface Router {
  routes: Route[];
  match(method: string, path: string): Match | undefined;
}

export function createRouter(functions: Iterable<RegisteredFunction>, routePrefix: string): Router {
  const routes: Route[] = [];
  for (const fn of functions) {
    const route = createRoute(fn, routePrefix);
    if (!route) continue;
    const rival = routes.find((other) => sameTemplate(other, route) && shareMethod(other, route));
    if (rival) throw new Error(`functions "${rival.fn.metadata.name}" and "${fn.metadata.name}" have the same route`);
    routes.push(route);
  }
  routes.sort((a, b) => precedenceOf(a.segments).localeCompare(precedenceOf(b.segments)));
  return { routes, match: (method, path) => matchRoute(routes, method, path) };
}

function createRoute(fn: RegisteredFunction, routePrefix: string): Route | undefined {
  const trigger = fn.trigger.binding;
  if (trigger.type.toLowerCase() !== "httptrigger") return undefined;
  const own = trimSlashes(trigger.route || fn.metadata.name);
  if (/^(admin|runtime)/i.test(own)) {
    throw new Error(`function "${fn.metadata.name}": the host keeps routes that start with admin or runtime to itself`);
  }
  const template = trimSlashes(`${routePrefix}/${own}`);
  const methods = new Set(trigger.methods?.map((method) => method.toUpperCase()));
  return { fn, template, methods, segments: parseTemplate(template) };
}

function matchRoute(routes: readonly Route[], method: string, path: string): Match | undefined {
  const segments = splitPath(path);
  for (const route of routes) {
    if (!route.methods.has(method)) continue;
    const params = matchSegments(route.segments, segments);
    if (params) return { fn: route.fn, params };
  }
  return undefined;
}

/** One sentence for each pair of routes that Azure's host would resolve in the opposite order. */
export function orderWarnings({ routes }: Router): string[] {
  const warnings: string[] = [];
  for (const [index, first] of routes.entries()) {
    for (const second of routes.slice(index + 1)) {
      const [here, there] = [first.fn.metadata.name, second.fn.metadata.name];
      if (here.toLowerCase() < there.toLowerCase() || !shareMethod(first, second)) continue;
      const contested = samplePaths(first.segments).find((path) => matchSegments(second.segments, splitPath(path)));
      if (contested === undefined) continue;
      warnings.push(
        `${contested} goes to "${here}" (${first.template}) here; Azure takes the alphabetically first function ` +
          `whose route matches, "${there}" (${second.template})`,
      );
    }
  }
  return warnings;
}

function sameTemplate(a: Route, b: Route): boolean {
  return a.template.toLowerCase() === b.template.toLowerCase();
}

function shareMethod(a: Route, b: Route): boolean {
  return [...a.methods].some((method) => b.methods.has(method));
}

function trimSlashes(text: string): string {
  return text.replace(/^\/+|\/+$/g, "");
}
