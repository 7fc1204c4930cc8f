import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Picture, Preview } from "../../engine.ts";
import { formatMs } from "../../format.ts";
import { Icon } from "../../Icon.tsx";
import { ProgressLine } from "../../ProgressLine.tsx";
import type { Studio } from "../../studio.ts";
import { Timings } from "./Timings.tsx";

/** The picture as it comes, how far it is, and what became of it. */
export function Stage({ studio, onEdit }: { studio: Studio; onEdit(picture: Picture): void }) {
  const picture = studio.picture.value;
  const preview = studio.preview.value;
  const busy = studio.busy.value;
  const url = useObjectUrl(picture?.png);
  const rest = picture ? `Done in ${formatMs(picture.timings.totalMs)}` : studio.device.value ? "Ready" : "";
  return (
    <section class="stage card stack" aria-label="Picture" aria-busy={busy}>
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
          <p class="empty">Your picture appears here.</p>
        )}
      </div>
      <ProgressLine studio={studio} rest={rest} done={!!picture} />
      {picture && url && <Details picture={picture} url={url} onEdit={() => onEdit(picture)} />}
    </section>
  );
}

function Details({ picture, url, onEdit }: { picture: Picture; url: string; onEdit(): void }) {
  const { seed, width, height } = picture.parameters;
  return (
    <div class="details row">
      <p>
        Seed {seed}, {width} × {height} pixels
      </p>
      <div class="row">
        <button type="button" onClick={onEdit}>
          <Icon path="M4 20l1-5L16 4l4 4L9 19zM13 7l4 4" /> Edit
        </button>
        <a class="button" href={url} download={`tessera-townscapes-sd-${seed}.png`}>
          Download PNG
        </a>
      </div>
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

function useObjectUrl(blob: Blob | undefined): string | undefined {
  const url = useMemo(() => blob && URL.createObjectURL(blob), [blob]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  return url;
}
