/**
 * What stands for `node:test` in a worker: registers the tests of a file and runs them one after the other, until one
 * fails. Only what unit tests use: hooks, suites, and the context's `mock`, `after` and `diagnostic`.
 */
import { mock } from "node:test";

type Hook = () => unknown;
type Work = (context: TestContext) => unknown;

interface TestContext {
  name: string;
  mock: typeof mock;
  after(hook: Hook): void;
  diagnostic(text: string): void;
}

interface Scope {
  name: string;
  outer: Scope | undefined;
  /** Undefined for a suite. */
  work: Work | undefined;
  children: Scope[];
  before: Hook[];
  after: Hook[];
  beforeEach: Hook[];
  afterEach: Hook[];
}

const Mock = mock.constructor as new () => typeof mock;

function createScope(name: string, outer?: Scope, work?: Work): Scope {
  return { name, outer, work, children: [], before: [], after: [], beforeEach: [], afterEach: [] };
}

let current = createScope("file");

function test(name: string, ...rest: unknown[]): void {
  current.children.push(createScope(name, current, rest.at(-1) as Work));
}

function describe(name: string, ...rest: unknown[]): void {
  const suite = createScope(name, current);
  current.children.push(suite);
  current = suite;
  (rest.at(-1) as () => void)();
  current = suite.outer ?? suite;
}

const before = (hook: Hook) => void current.before.push(hook);
const after = (hook: Hook) => void current.after.push(hook);
const beforeEach = (hook: Hook) => void current.beforeEach.push(hook);
const afterEach = (hook: Hook) => void current.afterEach.push(hook);

export { after, afterEach, before, beforeEach, describe, describe as suite, mock, test, test as default, test as it };

/** Runs what `load` registers. @throws what the first failed test throws, or `load` */
export async function runTests(load: () => Promise<unknown>): Promise<void> {
  const file = createScope("file");
  current = file;
  try {
    await load();
    await run(file);
  } finally {
    for (const hook of file.after) await hook();
    mock.reset();
  }
}

async function run(scope: Scope): Promise<void> {
  for (const hook of scope.before) await hook();
  for (const child of scope.children) {
    try {
      if (child.work) await runOne(child, child.work);
      else await run(child);
    } finally {
      for (const hook of child.after) await hook();
    }
  }
}

async function runOne(scope: Scope, work: Work): Promise<void> {
  const own = new Mock();
  // Hooks that are registered meanwhile are the test's own.
  current = scope;
  const { name } = scope;
  try {
    for (const hook of hooksAround(scope, "beforeEach").reverse()) await hook();
    await work({ name, mock: own, after, diagnostic: () => {} });
  } finally {
    for (const hook of hooksAround(scope, "afterEach")) await hook();
    own.reset();
  }
}

/** Of the suites around a test, the innermost first. */
function hooksAround({ outer }: Scope, kind: "beforeEach" | "afterEach"): Hook[] {
  return outer ? [...outer[kind], ...hooksAround(outer, kind)] : [];
}
