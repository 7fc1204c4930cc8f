import type { Studio } from "./studio.ts";

/** All that a report of a problem should hold, as JSON. Nothing of it is sent anywhere. */
export function diagnostics(studio: Studio): string {
  const { hardwareConcurrency, language, userAgent } = navigator;
  return JSON.stringify(
    {
      page: { location: location.href, crossOriginIsolated, devicePixelRatio, innerWidth, innerHeight },
      browser: { userAgent, language, hardwareConcurrency, webgpu: "gpu" in navigator },
      backend: { asked: studio.choice.value, ...studio.device.value },
      liveBytes: studio.liveBytes.value,
      failure: studio.failure.value || undefined,
      picture: studio.picture.value,
    },
    undefined,
    2,
  );
}
