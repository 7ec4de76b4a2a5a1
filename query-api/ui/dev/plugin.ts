import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { answer } from "./server.ts";

/** What the query API sends with its pages; the fixtures prove that the app lives with it. */
const POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/** Serves the API's contract from made-up data, so that the app can be worked on without a store. */
export function fixtureServer(): Plugin {
  return {
    name: "sightline-fixtures",
    configureServer(server) {
      server.middlewares.use(middleware(false));
    },
    configurePreviewServer(server) {
      server.middlewares.use(middleware(true));
    },
  };
}

function middleware(strict: boolean): Connect.NextHandleFunction {
  return (request: IncomingMessage, response: ServerResponse, next) => {
    const url = new URL(request.url ?? "/", "http://fixtures");
    if (!url.pathname.startsWith("/api/")) {
      if (strict) response.setHeader("content-security-policy", POLICY);
      next();
      return;
    }
    const { status, body } = answer(url);
    response.statusCode = status;
    response.setHeader("content-type", status < 400 ? "application/json" : "application/problem+json");
    response.end(JSON.stringify(body));
  };
}
