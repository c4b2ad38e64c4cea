/**
 * The `@azure/functions-core` module, which exists only inside the worker. It collects what the app registers, and
 * patches `require` to serve it, as the real worker does. It does not check the metadata of triggers, and does not
 * isolate the app from the host: both share one process.
 */
import Module from "node:module";
import { type HookCallback, type Hooked, hookNames, logThroughHooks } from "./hooks.ts";
import type {
  Binding,
  FunctionCallback,
  FunctionMetadata,
  LogCategory,
  LogLevel,
  ProgrammingModel,
} from "./rpc-types.ts";

export interface RegisteredFunction {
  metadata: FunctionMetadata;
  /** The binding that starts the function. */
  trigger: { name: string; binding: Binding };
  callback: FunctionCallback;
}

/** Everything an app has registered with the worker. */
export interface App extends Hooked {
  functions: Map<string, RegisteredFunction>;
  /** Shared by the hooks of the app's start and end, not by those of an invocation. */
  appOnlyHookData: Record<string, unknown>;
  programmingModel: ProgrammingModel | undefined;
  /** From here on, a registration is refused. */
  startupFinished: boolean;
  /** The capabilities declared by `app.setup`, as the host reads them after the app has loaded. */
  capabilities: Record<string, string>;
}

export function createApp(): App {
  return {
    functions: new Map(),
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] },
    appHookData: {},
    capabilities: {},
    appOnlyHookData: {},
    programmingModel: undefined,
    startupFinished: false,
  };
}

/** Serves `@azure/functions-core` to every `require` of this process from now on. */
export function installCoreModule(app: App): void {
  const core = createCoreModule(app);
  const prototype: { require: (this: unknown, id: string) => unknown } = Module.prototype;
  const original = prototype.require;
  prototype.require = function (id) {
    return id === "@azure/functions-core" ? core : original.call(this, id);
  };
}

function createCoreModule(app: App) {
  return {
    // The versions of the worker and the host that this module emulates.
    version: "3.0.0-local",
    hostVersion: "4.0.0-local",
    Disposable,
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) => register(app, metadata, callback),
    registerHook: (name: string, callback: HookCallback) => registerHook(app, name, callback),
    setProgrammingModel: (model: ProgrammingModel) => {
      app.programmingModel = model;
    },
    getProgrammingModel: () => app.programmingModel,
    log: (level: LogLevel, category: LogCategory, message: string) =>
      logThroughHooks(app, { level, category, message }),
  };
}

function register(app: App, metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
  if (app.startupFinished) throw new Error(`function "${metadata.name}" is registered after the start of the app`);
  if (app.functions.has(metadata.name)) throw new Error(`two functions are named "${metadata.name}"`);
  app.functions.set(metadata.name, { metadata, trigger: triggerOf(metadata), callback });
  return new Disposable(() => {
    if (app.startupFinished) throw new Error(`function "${metadata.name}" is disposed after the start of the app`);
    app.functions.delete(metadata.name);
  });
}

function triggerOf({ name, bindings }: FunctionMetadata): RegisteredFunction["trigger"] {
  const found = Object.entries(bindings).find(([, { type }]) => /trigger$/i.test(type));
  if (!found) throw new Error(`function "${name}" has no trigger`);
  return { name: found[0], binding: found[1] };
}

function registerHook(app: App, name: string, callback: HookCallback): Disposable {
  const known = hookNames.find((hookName) => hookName === name);
  if (known === undefined) throw new RangeError(`there is no hook "${name}"`);
  const hooks = app.hooks[known];
  hooks.push(callback);
  return new Disposable(() => {
    const index = hooks.indexOf(callback);
    if (index >= 0) hooks.splice(index, 1);
  });
}

class Disposable {
  #callOnDispose: (() => unknown) | undefined;

  constructor(callOnDispose: () => unknown) {
    this.#callOnDispose = callOnDispose;
  }

  static from(...disposables: { dispose: () => unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  dispose(): void {
    const call = this.#callOnDispose;
    this.#callOnDispose = undefined;
    call?.();
  }
}
