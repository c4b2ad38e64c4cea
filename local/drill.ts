/** `npm run drill -- NAME`: causes an incident in the running stack (`npm start`) and shows how Keyhold reacts. */
import { drift, killSwitch, rotation } from "./drills/credentials.ts";
import { oneAtATime } from "./drills/one-at-a-time.ts";
import { rollover } from "./drills/rollover.ts";
import { folder, readStack, type StackFile } from "./drills/running-stack.ts";
import { burst, logCut, silence, theft } from "./drills/sign-audit.ts";

type Drill = (stack: StackFile) => Promise<void>;

const alone =
  (drill: Drill): Drill =>
  (stack) =>
    oneAtATime(folder, () => drill(stack));

const drills: Record<string, Drill> = {
  rollover,
  theft: alone(theft),
  "log-cut": alone(logCut),
  burst: alone(burst),
  silence: alone(silence),
  rotation,
  drift,
  "kill-switch": killSwitch,
};

const [, , name = ""] = process.argv;
// This drill needs no running stack.
if (name === "alerts") {
  const { drillAlerts } = await import("./drills/alerts/drill.ts");
  process.exit(drillAlerts(Date.now(), console.log) === 0 ? 0 : 1);
}
const drill = drills[name];
if (!drill) {
  console.error(`usage: npm run drill -- NAME, with NAME one of: ${[...Object.keys(drills), "alerts"].join(", ")}`);
  process.exit(2);
}
try {
  await drill(await readStack());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
