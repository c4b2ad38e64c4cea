/// <reference lib="dom" />
/** Receives the server's state part by part, and sends requests to it. */
import { useEffect, useState } from "preact/hooks";
import type { Snapshot } from "../snapshot.ts";

interface Followed {
  state: Partial<Snapshot>;
  isConnected: boolean;
}

/** Reconnects automatically. The first message of each connection has the whole state. */
export function useSnapshot(): Followed {
  const [followed, follow] = useState<Followed>({ state: {}, isConnected: false });
  useEffect(() => {
    const source = new EventSource("/events");
    source.onmessage = ({ data }: MessageEvent<string>) => {
      const parts = JSON.parse(data) as Partial<Snapshot>;
      follow(({ state }) => ({ state: { ...state, ...parts }, isConnected: true }));
    };
    source.onerror = () => follow(({ state }) => ({ state, isConnected: false }));
    return () => source.close();
  }, []);
  return followed;
}

export interface NotStarted {
  error: string;
  /** Id of the run that must end first. */
  blockedBy?: number;
}

/** Undefined if the action was started. Otherwise the reason why it was not. */
export async function act(name: string, input: object): Promise<NotStarted | undefined> {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`/actions/${name}`, { method: "POST", headers, body: JSON.stringify(input) });
    return response.ok ? undefined : ((await response.json()) as NotStarted);
  } catch {
    return { error: "the console does not answer: does npm start still run?" };
  }
}

/** Fetches the value once, when it is first needed. */
export function useFetched<T>(path: string | undefined): T | undefined {
  const [fetched, set] = useState<{ path: string; value: T }>();
  useEffect(() => {
    if (path === undefined) return;
    const controller = new AbortController();
    fetch(path, { signal: controller.signal })
      .then(async (response) => set({ path, value: (await response.json()) as T }))
      .catch(() => undefined);
    return () => controller.abort();
  }, [path]);
  return fetched?.path === path ? fetched?.value : undefined;
}

/** The current time, updated once a second. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
