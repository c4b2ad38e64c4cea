/** The stack's own control routes: what is running, stopping and restarting a part, callers' tokens, and the ledger. */
import { ControlError, type ControlRoute } from "../emulators/shared/control-route.ts";
import type { StackIdentity } from "./ports.ts";
import { callers } from "./world.ts";

/** A part that can be stopped and restarted without losing its state. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

type CallerName = keyof typeof callers;

export function stackControl(
  services: Record<string, Service>,
  callerToken: (caller: CallerName) => Promise<string>,
  ledgerRows: () => Promise<object[]>,
  identity: StackIdentity,
): ControlRoute[] {
  const running = new Map(Object.keys(services).map((name) => [name, true]));
  return [
    { method: "GET", path: "/process", handle: () => identity },
    { method: "GET", path: "/services", handle: () => Object.fromEntries(running) },
    {
      method: "PUT",
      path: "/services",
      async handle({ body }) {
        const { name, running: wanted } = (body ?? {}) as { name?: unknown; running?: unknown };
        const service = typeof name === "string" ? services[name] : undefined;
        if (typeof name !== "string" || !service || typeof wanted !== "boolean") {
          throw new ControlError(`send {"name": one of ${Object.keys(services).join(", ")}, "running": true or false}`);
        }
        if (running.get(name) !== wanted) await (wanted ? service.start() : service.stop());
        running.set(name, wanted);
        return Object.fromEntries(running);
      },
    },
    { method: "GET", path: "/ledger", handle: ledgerRows },
    {
      method: "GET",
      path: "/caller-token",
      handle({ query }) {
        const name = query.get("caller") ?? "";
        const caller = (Object.keys(callers) as CallerName[]).find((key) => callers[key].name === name);
        if (!caller) {
          const names = Object.values(callers).map((c) => c.name);
          throw new ControlError(`add ?caller= with one of ${names.join(", ")}`);
        }
        return callerToken(caller);
      },
    },
  ];
}
