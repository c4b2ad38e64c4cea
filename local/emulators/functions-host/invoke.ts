/**
 * Runs one function through the app's programming model, in the worker's order: arguments, preInvocation hooks, the
 * handler, postInvocation hooks, the response. There is no retry policy. A failed invocation is logged and reported as
 * failed, and so is one whose worker is lost.
 */
import { randomUUID } from "node:crypto";
import type { App, RegisteredFunction } from "./core-api.ts";
import { logThroughHooks, runHooks } from "./hooks.ts";
import { describeError, writeLog } from "./log.ts";
import type {
  CoreInvocationContext,
  InvocationRequest,
  InvocationResponse,
  TraceContext,
  TriggerData,
} from "./rpc-types.ts";
import { triggerMetadataOf } from "./trigger-metadata.ts";

/** The response, or undefined if the invocation failed. */
export type Outcome = Promise<InvocationResponse | undefined>;

export interface Invoker {
  invoke(fn: RegisteredFunction, data: TriggerData, traceContext?: TraceContext): Outcome;
  /** Resolves as soon as no invocation is running. */
  idle(): Promise<void>;
  /** Reports all running invocations as failed, whether or not they end. */
  abandon(): void;
}

interface InvocationTimeout {
  afterMs: number;
  onElapsed(functionName: string): void;
}

export function createInvoker(app: App, timeout: InvocationTimeout | undefined): Invoker {
  const running = new Set<() => void>();
  let waiting: (() => void)[] = [];

  const invoke: Invoker["invoke"] = async (fn, data, traceContext) => {
    const request = createRequest(fn, data, traceContext);
    const { name } = fn.metadata;
    const { promise, resolve } = Promise.withResolvers<InvocationResponse | undefined>();
    const abandon = () => resolve(undefined);
    const timer = timeout && setTimeout(() => timeout.onElapsed(name), timeout.afterMs);
    running.add(abandon);
    runInvocation(app, fn, request).then(resolve, (error) => {
      const message = `the function failed: ${describeError(error)}`;
      writeLog("stderr", { level: "error", function: name, invocationId: request.invocationId, message });
      resolve(undefined);
    });
    const response = await promise;
    clearTimeout(timer);
    running.delete(abandon);
    if (running.size === 0) {
      for (const resolveIdle of waiting) resolveIdle();
      waiting = [];
    }
    return response;
  };

  return {
    invoke,
    idle: () => (running.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    abandon: () => {
      for (const abandon of running) abandon();
    },
  };
}

function createRequest(fn: RegisteredFunction, data: TriggerData, traceContext?: TraceContext): InvocationRequest {
  return {
    invocationId: randomUUID(),
    functionId: fn.metadata.name,
    inputData: [{ name: fn.trigger.name, data }],
    triggerMetadata: triggerMetadataOf(fn.metadata.name, data),
    ...(traceContext && { traceContext }),
  };
}

async function runInvocation(
  app: App,
  { metadata, callback }: RegisteredFunction,
  request: InvocationRequest,
): Promise<InvocationResponse> {
  const { invocationId } = request;
  const hookData = {};
  let invocationContext: unknown;
  const core: CoreInvocationContext = {
    invocationId,
    request,
    metadata,
    state: undefined,
    log: (level, category, message) => {
      const record = { level, category, message, function: metadata.name, invocationId };
      logThroughHooks(app, record, hookData, invocationContext);
    },
  };
  if (!app.programmingModel) throw new Error("the app has no programming model");
  const model = app.programmingModel.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  invocationContext = context;

  const shared = { hookData, appHookData: app.appHookData, invocationContext };
  const before = { ...shared, inputs, functionCallback: callback };
  core.state = "preInvocationHooks";
  await runHooks(app, "preInvocation", before);

  const after: { inputs: unknown[]; result: unknown; error: unknown } = {
    ...shared,
    inputs: before.inputs,
    result: null,
    error: null,
  };
  core.state = "invocation";
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    // A handler may throw any value. The hooks would read null as no error.
    after.error = error ?? new Error("the handler threw no value");
  }
  core.state = "postInvocationHooks";
  await runHooks(app, "postInvocation", after);
  core.state = undefined;

  if (after.error !== null && after.error !== undefined) throw after.error;
  return model.getResponse(context, after.result);
}
