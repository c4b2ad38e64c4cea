import type { Meter } from "@opentelemetry/api";
import type { Measurement } from "./metrics.ts";
import { type MetricKind, type MetricName, metricNames, metrics } from "./names.ts";

type Instrument = (value: number, dimensions: Measurement["dimensions"]) => void;

/** An instrument of the meter for every metric there is; the function records a measurement with its own. */
export function createInstruments(meter: Meter): (measurement: Measurement) => void {
  const create: Record<MetricKind, (name: MetricName, unit: string) => Instrument> = {
    counter(name, unit) {
      const counter = meter.createCounter(name, { unit });
      return (value, dimensions) => counter.add(value, dimensions);
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
  return ({ metric, value, dimensions }) => instruments.get(metric)?.(value, dimensions);
}
