/// <reference lib="dom" />
/** The server's word, part by part, and what is asked of it. */
import { useEffect, useState } from "preact/hooks";
import type { Snapshot } from "../snapshot.ts";

interface Followed {
  state: Partial<Snapshot>;
  isConnected: boolean;
}

/** Comes back by itself after a break; the first message of each connection is whole. */
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
  /** Id of the run that has to end first. */
  blockedBy?: number;
}

/** Undefined: it runs. Otherwise why it does not. */
export async function act(name: string, input: object): Promise<NotStarted | undefined> {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`/actions/${name}`, { method: "POST", headers, body: JSON.stringify(input) });
    return response.ok ? undefined : ((await response.json()) as NotStarted);
  } catch {
    return { error: "the console does not answer: does npm start still run?" };
  }
}

/** What is fetched once, when it is first needed. */
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

/** The time, once a second. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
