import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const inPackage = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Needs a running Countersign at COUNTERSIGN_URL; tests/clients of the repository starts one.
export default defineConfig({
  resolve: {
    alias: [
      { find: "@countersign/web/styles.css", replacement: inPackage("src/styles.css") },
      { find: /^@countersign\/web$/, replacement: inPackage("src/index.ts") },
    ],
  },
  test: {
    environment: "jsdom",
    include: ["tests/live.test.tsx"],
    pool: "threads",
    testTimeout: 60_000,
  },
});
