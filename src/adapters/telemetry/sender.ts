import { type AzureMonitorExporterOptions, AzureMonitorLogExporter } from "@azure/monitor-opentelemetry-exporter";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";

/** Sends records and says which of them were not taken. Never rejects. */
export type Sender = <R extends ReadableLogRecord>(records: readonly R[]) => Promise<R[]>;

type Policy = NonNullable<AzureMonitorExporterOptions["additionalPolicies"]>[number]["policy"];
type Answer = Awaited<ReturnType<Policy["sendRequest"]>>;

/**
 * The exporter reports success for what was refused or never sent, as soon as its own store on disk is off. So what
 * counts is the answer itself, read by a policy in the exporter's pipeline.
 */
export function createSender(options: AzureMonitorExporterOptions): Sender {
  let current: { answer?: Answer } = {};
  const readAnswer: Policy = {
    name: "keyholdReadAnswer",
    async sendRequest(request, next) {
      // An attempt that was given up may end while the next one runs.
      const attempt = current;
      const answer = await next(request);
      attempt.answer = answer;
      return answer;
    },
  };
  const additionalPolicies = [
    ...(options.additionalPolicies ?? []),
    { policy: readAnswer, position: "perCall" as const },
  ];
  const exporter = new AzureMonitorLogExporter({ ...options, additionalPolicies });
  return async (records) => {
    const attempt: { answer?: Answer } = {};
    current = attempt;
    await exporter.export([...records], () => {}).catch(() => {});
    return notTaken(records, attempt.answer);
  };
}

function notTaken<R>(records: readonly R[], answer: Answer | undefined): R[] {
  if (answer?.status === 200) return [];
  if (answer?.status !== 206) return [...records];
  const refused = refusedIndexes(answer.bodyAsText ?? "");
  return refused === undefined ? [...records] : records.filter((_, index) => refused.has(index));
}

/** Of an answer that takes a batch in part: one envelope per record, in their order. */
function refusedIndexes(body: string): Set<unknown> | undefined {
  try {
    const { errors } = JSON.parse(body) as { errors?: { index?: unknown }[] };
    return errors && new Set(errors.map(({ index }) => index));
  } catch {
    return undefined;
  }
}
