/** "850 ms", "2.91 s", "34.6 s", "140 s". */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 1e4 ? 2 : ms < 1e5 ? 1 : 0)} s`;
}

/** "640 kB", "16.0 MB", "1.72 GB": powers of ten, as files are counted. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
