import { defineConfig } from "vitest/config";
import { fixtureServer } from "./dev/plugin.ts";

export default defineConfig(({ mode }) => ({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: mode === "fixtures" ? [fixtureServer()] : [],
  build: {
    outDir: "../src/sightline_query_api/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // An inlined asset would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: mode === "fixtures" ? {} : { proxy: { "/api": "http://127.0.0.1:8420" } },
  test: { include: ["src/**/*.test.ts", "dev/**/*.test.ts"] },
}));
