/**
 * Runs one function through the app's programming model, in the worker's order: arguments, preInvocation hooks, the
 * handler, postInvocation hooks, the response. It knows no time limit (`functionTimeout` of host.json) and no retry
 * policy; a failed invocation is logged and reported as failed.
 */
import { randomUUID } from "node:crypto";
import type { App, RegisteredFunction } from "./core-api.ts";
import { logThroughHooks, runHooks } from "./hooks.ts";
import { describeError, writeLog } from "./log.ts";
import type {
  CoreInvocationContext,
  InvocationRequest,
  InvocationResponse,
  ProgrammingModel,
  TraceContext,
  TriggerData,
} from "./rpc-types.ts";

/** The response, or undefined where the invocation failed. */
export type Outcome = Promise<InvocationResponse | undefined>;

export interface Invoker {
  invoke(fn: RegisteredFunction, data: TriggerData, traceContext?: TraceContext): Outcome;
  /** Resolves as soon as no invocation is running. */
  idle(): Promise<void>;
}

export function createInvoker(app: App): Invoker {
  const model = app.programmingModel;
  if (!model) throw new Error("the app has no programming model");
  let running = 0;
  let waiting: (() => void)[] = [];

  const invoke = async (fn: RegisteredFunction, data: TriggerData, traceContext?: TraceContext): Outcome => {
    const request = createRequest(fn, data, traceContext);
    running += 1;
    try {
      return await runInvocation(app, model, fn, request);
    } catch (error) {
      const { name } = fn.metadata;
      const message = `the function failed: ${describeError(error)}`;
      writeLog(process.stderr, { level: "error", function: name, invocationId: request.invocationId, message });
      return undefined;
    } finally {
      running -= 1;
      if (running === 0) {
        for (const resolve of waiting) resolve();
        waiting = [];
      }
    }
  };

  return {
    invoke,
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

function createRequest(fn: RegisteredFunction, data: TriggerData, traceContext?: TraceContext): InvocationRequest {
  return {
    invocationId: randomUUID(),
    functionId: fn.metadata.name,
    inputData: [{ name: fn.trigger.name, data }],
    triggerMetadata: {},
    ...(traceContext && { traceContext }),
  };
}

async function runInvocation(
  app: App,
  programmingModel: ProgrammingModel,
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
  const model = programmingModel.getInvocationModel(core);
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
    // A handler may throw anything; null would look like no error to the hooks.
    after.error = error ?? new Error("the handler threw no value");
  }
  core.state = "postInvocationHooks";
  await runHooks(app, "postInvocation", after);
  core.state = undefined;

  if (after.error !== null && after.error !== undefined) throw after.error;
  return model.getResponse(context, after.result);
}
