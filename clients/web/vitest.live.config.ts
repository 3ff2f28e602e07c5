import { defineConfig } from "vitest/config";

// Needs a running Countersign at COUNTERSIGN_URL; tests/clients of the repository starts one.
export default defineConfig({
  test: {
    environment: "jsdom",
    include: ["tests/live.test.tsx"],
    pool: "threads",
    testTimeout: 60_000,
  },
});
