import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig, type ProxyOptions } from "vite";

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/**
 * Passes the API's paths on to Countersign, which then is on the page's own origin.
 *
 * Countersign refuses requests of pages on other origins, so it gets its own in their place.
 */
function toCountersign(target: string): Record<string, ProxyOptions> {
  return { "/api": { target, changeOrigin: true, headers: { origin: new URL(target).origin } } };
}

const proxy = toCountersign(process.env.COUNTERSIGN_URL ?? "http://127.0.0.1:8000");

export default defineConfig({
  plugins: [react()],
  // In a project of your own the package is installed, and this is not needed.
  resolve: {
    alias: [
      { find: /^@countersign\/web$/, replacement: inPackage("dist/index.js") },
      { find: /^@countersign\/web\/styles.css$/, replacement: inPackage("dist/styles.css") },
    ],
  },
  server: { proxy },
  preview: { proxy },
});
