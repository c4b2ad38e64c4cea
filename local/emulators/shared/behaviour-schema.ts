import { z } from "zod";

const milliseconds = z.number().min(0);

/**
 * The input of an emulator's `PUT /behaviour`: latency and faults (emulator-server.ts), for the operations it knows.
 */
export function behaviourSchema<T extends z.ZodType<string>>(operation: T) {
  return z.strictObject({
    latencyMs: milliseconds.default(0),
    faults: z
      .array(
        z.strictObject({
          operation: operation.exactOptional(),
          times: z.int().positive().exactOptional(),
          delayMs: milliseconds.exactOptional(),
          drop: z.boolean().exactOptional(),
          status: z.int().min(200).max(599).exactOptional(),
          headers: z.record(z.string(), z.string()).exactOptional(),
          body: z.unknown().exactOptional(),
        }),
      )
      .default([]),
  });
}
