import { RestError } from "@azure/data-tables";

/** The service's own code for an error, for example `EntityAlreadyExists`: a status alone means several things. */
export function tableErrorCode(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const code = (error.details as { odataError?: { code?: unknown } } | undefined)?.odataError?.code;
  return typeof code === "string" ? code : undefined;
}
