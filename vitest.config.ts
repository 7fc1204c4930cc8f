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
    // Only against tests that hang: how long a shader compiles, or a browser starts, is up to the machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
