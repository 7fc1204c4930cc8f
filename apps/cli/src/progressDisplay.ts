import type { OnProgress, Progress } from "@tessera/pipelines";
import cliProgress from "cli-progress";

export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Ends the last bar's line. */
  stop(): void;
}

const titles: Record<Progress["phase"], string> = {
  load: "load",
  encode: "encode",
  sample: "denoise",
  decode: "decode",
};
const title = ({ phase, detail }: Progress): string => `${titles[phase]}${detail ? ` ${detail}` : ""}`;

/** Progress on standard error: a bar per phase on a terminal, a plain line per phase and step elsewhere. */
export function progressDisplay(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function bars(stream: NodeJS.WriteStream): ProgressDisplay {
  let bar: cliProgress.SingleBar | undefined;
  let shown = "";
  const stop = () => bar?.stop();
  return {
    onProgress(progress) {
      if (title(progress) !== shown) {
        stop();
        shown = title(progress);
        bar = new cliProgress.SingleBar({
          format: `${shown.padEnd(28)} {bar} {percentage} %  {duration_formatted}`,
          barCompleteChar: "█",
          barIncompleteChar: "░",
          barsize: 30,
          stream,
          gracefulExit: false, // Ctrl-C is handled in main.ts
        });
        bar.start(progress.total, progress.step);
      }
      bar?.update(progress.step + (progress.within ?? 0));
    },
    stop,
  };
}

function lines(stream: NodeJS.WriteStream): ProgressDisplay {
  let last = "";
  return {
    onProgress(progress) {
      const counts = progress.phase === "sample" && progress.step > 0;
      const line = counts ? `${title(progress)} ${progress.step}/${progress.total}` : title(progress);
      if (line === last) return;
      last = line;
      stream.write(`${line}\n`);
    },
    stop() {},
  };
}
