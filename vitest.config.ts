import { defineConfig } from "vitest/config";

/** Workspace packages resolve to their TypeScript sources, so tests need no build. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "default"] } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "notebooks/src/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    maxWorkers: "100%",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
