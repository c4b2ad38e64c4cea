/** Control routes whose input is checked by a schema. */
import { z } from "zod";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";

export function withBody<T>(
  method: string,
  path: string,
  schema: z.ZodType<T>,
  handle: (body: T) => unknown,
): ControlRoute {
  return { method, path, handle: ({ body }) => run(schema, body, handle) };
}

export function withQuery<T>(
  method: string,
  path: string,
  schema: z.ZodType<T>,
  handle: (query: T) => unknown,
): ControlRoute {
  return { method, path, handle: ({ query }) => run(schema, Object.fromEntries(query), handle) };
}

/** Every error in the input is answered as a control error, including those that the emulator finds later. */
async function run<T>(schema: z.ZodType<T>, input: unknown, handle: (value: T) => unknown): Promise<unknown> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new ControlError(z.prettifyError(parsed.error));
  try {
    return await handle(parsed.data);
  } catch (error) {
    throw error instanceof Error ? new ControlError(error.message) : error;
  }
}
