import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { record } from "./build-record";

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Relative addresses: the page's <base> says where they start, also behind a path prefix.
export default defineConfig({
  base: "./",
  plugins: [react(), record()],
  resolve: {
    alias: { "@countersign/web": local("../web/src/index.ts") },
    // The web client is built from its sources, with the packages of the board.
    dedupe: ["react", "react-dom", "react-markdown", "remark-gfm"],
  },
  build: {
    outDir: local("../../bot/api/board"),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside a bot: COUNTERSIGN=http://127.0.0.1:8000
    proxy: { "/api": process.env.COUNTERSIGN ?? "http://127.0.0.1:8000" },
  },
});
