import { bandOf } from "../../src/domain/audit/baseline.ts";
import { type Band, hourMs, type JudgedWindow, type SignHistory, windowMs } from "../../src/domain/audit/sign-rate.ts";
import { judge, opensEpisode } from "../../src/domain/audit/sign-rate-verdict.ts";

/** What the app would have found: every window is evaluated in order, with only the earlier windows known. */
interface Replay {
  judged: SignHistory;
  windows: readonly JudgedWindow[];
  /** The windows that open an episode. */
  alarms: readonly JudgedWindow[];
}

/** `before`: windows that were evaluated earlier; those from `fromMs` on are ignored. */
export function replay(
  fromMs: number,
  toMs: number,
  signsAt: (startMs: number) => number,
  before?: SignHistory,
  isEnough: (alarm: JudgedWindow) => boolean = () => false,
): Replay {
  const windows: JudgedWindow[] = [];
  const judged: SignHistory = {
    get: (startMs) => (startMs < fromMs ? before?.get(startMs) : windows[(startMs - fromMs) / windowMs]),
  };
  const alarms: JudgedWindow[] = [];
  // The band is the same for all windows of one hour.
  let band: Band | undefined;
  for (let startMs = fromMs; startMs < toMs; startMs += windowMs) {
    if (!band || startMs % hourMs === 0) band = bandOf(startMs, judged);
    const window = judge({ startMs, signs: signsAt(startMs) }, band, judged);
    windows.push(window);
    if (!opensEpisode(window, judged)) continue;
    alarms.push(window);
    if (isEnough(window)) break;
  }
  return { judged, windows, alarms };
}
