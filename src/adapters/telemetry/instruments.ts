import type { Meter } from "@opentelemetry/api";
import type { Measurement } from "./metrics.ts";
import { type MetricKind, type MetricName, metricNames, metrics } from "./names.ts";

type Instrument = (value: number, dimensions: Measurement["dimensions"]) => void;

interface Instruments {
  record(measurement: Measurement): void;
  /** Passes the sums of the counters to the SDK. Call it before the metrics are read. */
  flush(): void;
}

/**
 * An instrument of the meter for every metric. Counts are summed up for `everyMs` milliseconds, because one count per
 * request costs the SDK more than the request's own event.
 */
export function createInstruments(meter: Meter, everyMs: number): Instruments {
  const handOver: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    for (const each of handOver) each();
  };
  const create: Record<MetricKind, (name: MetricName, unit: string) => Instrument> = {
    counter(name, unit) {
      const counter = meter.createCounter(name, { unit });
      const sums = new Map<string, { sum: number; dimensions: Measurement["dimensions"] }>();
      handOver.push(() => {
        for (const { sum, dimensions } of sums.values()) counter.add(sum, dimensions);
        sums.clear();
      });
      return (value, dimensions) => {
        const key = Object.values(dimensions).join(" ");
        const known = sums.get(key);
        if (known) known.sum += value;
        else sums.set(key, { sum: value, dimensions });
        timer ??= setTimeout(flush, everyMs).unref();
      };
    },
    gauge(name, unit) {
      const gauge = meter.createGauge(name, { unit });
      return (value, dimensions) => gauge.record(value, dimensions);
    },
    histogram(name, unit) {
      const histogram = meter.createHistogram(name, { unit });
      return (value, dimensions) => histogram.record(value, dimensions);
    },
    total(name, unit) {
      let total = 0;
      meter.createObservableGauge(name, { unit }).addCallback((result) => {
        if (total > 0) result.observe(total);
      });
      return (value) => {
        total += value;
      };
    },
  };
  const instruments = new Map(metricNames.map((name) => [name, create[metrics[name].kind](name, metrics[name].unit)]));
  return { record: ({ metric, value, dimensions }) => instruments.get(metric)?.(value, dimensions), flush };
}
