import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.{ts,tsx}"],
    // It needs a running Countersign: npm run test:live.
    exclude: ["tests/live.test.tsx"],
    pool: "threads",
    poolOptions: { threads: { singleThread: true, isolate: false } },
    restoreMocks: true,
    testTimeout: 15_000,
  },
});
