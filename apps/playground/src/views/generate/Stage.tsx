import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Picture, Preview } from "../../engine.ts";
import { formatMs } from "../../format.ts";
import type { Studio } from "../../studio.ts";
import { describeProgress } from "./describeProgress.ts";
import { Timings } from "./Timings.tsx";

/** The picture as it comes, how far it is, and what became of it. */
export function Stage({ studio }: { studio: Studio }) {
  const picture = studio.picture.value;
  const preview = studio.preview.value;
  const progress = studio.progress.value;
  const failure = studio.failure.value;
  const { text, share } = progress ? describeProgress(progress) : { text: outcome(studio), share: picture ? 1 : 0 };
  const announcement = useThrottled(text, 1000);
  const url = useObjectUrl(picture?.png);
  return (
    <section class="stage" aria-label="Picture" aria-busy={!!progress}>
      <div class="frame">
        {preview ? (
          <PreviewCanvas preview={preview} />
        ) : url && picture ? (
          <img
            src={url}
            alt={picture.parameters.prompt}
            width={picture.parameters.width}
            height={picture.parameters.height}
          />
        ) : (
          <p class="empty">{progress ? "" : "Your picture appears here."}</p>
        )}
      </div>
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
      {picture && url && <Details picture={picture} url={url} />}
    </section>
  );
}

function Details({ picture, url }: { picture: Picture; url: string }) {
  const { seed, width, height } = picture.parameters;
  return (
    <div class="details">
      <p>
        Seed {seed}, {width} × {height} pixels
      </p>
      <a class="button" href={url} download={`tessera-townscapes-sd-${seed}.png`}>
        Download PNG
      </a>
      {picture.truncatedTokens > 0 && (
        <p class="note">The prompt is too long: its last {picture.truncatedTokens} tokens had no influence.</p>
      )}
      <Timings timings={picture.timings} />
    </div>
  );
}

/** Unfinished latents as colours; not the picture, so it is named for what it is. */
function PreviewCanvas({ preview: { width, height, data } }: { preview: Preview }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current!.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
  }, [data, width, height]);
  return (
    <figure>
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label="Rough preview of the unfinished picture"
      />
      <figcaption>preview</figcaption>
    </figure>
  );
}

function outcome({ picture, cancelled, failure, device }: Studio): string {
  if (failure.value) return "Failed";
  if (cancelled.value) return "Cancelled";
  if (picture.value) return `Done in ${formatMs(picture.value.timings.totalMs)}`;
  return device.value ? "Ready" : "";
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

function useObjectUrl(blob: Blob | undefined): string | undefined {
  const url = useMemo(() => blob && URL.createObjectURL(blob), [blob]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  return url;
}
