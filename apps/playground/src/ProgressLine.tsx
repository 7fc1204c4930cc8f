import { useEffect, useRef, useState } from "preact/hooks";
import { describeProgress } from "./describeProgress.ts";
import type { Studio } from "./studio.ts";

/** How far the task at hand is, or else `rest`; and why the last one failed. */
export function ProgressLine({ studio, rest, done }: { studio: Studio; rest: string; done: boolean }) {
  const progress = studio.progress.value;
  const failure = studio.failure.value;
  const idle = failure ? "Failed" : studio.cancelled.value ? "Cancelled" : rest;
  const { text, share } = progress ? describeProgress(progress) : { text: idle, share: done ? 1 : 0 };
  const announcement = useThrottled(text, 1000);
  return (
    <>
      <div class="progress">
        <progress aria-label="Progress" max={1} value={share} />
        <p>{text}</p>
        <p class="unseen" role="status" aria-live="polite">
          {announcement}
        </p>
      </div>
      {failure && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
    </>
  );
}

/** The latest text, changed at most once in `everyMs`: screen readers should not be flooded. */
function useThrottled(text: string, everyMs: number): string {
  const [shown, show] = useState("");
  const changed = useRef(-Infinity);
  useEffect(() => {
    const wait = Math.max(0, changed.current + everyMs - performance.now());
    const timer = setTimeout(() => {
      changed.current = performance.now();
      show(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text, everyMs]);
  return shown;
}
