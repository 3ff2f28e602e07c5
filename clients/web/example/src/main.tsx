import { CountersignProvider } from "@countersign/web";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import "@countersign/web/styles.css";
import "./page.css";

// Without an address the page asks its own origin, whose server passes /api on.
const baseUrl = import.meta.env.VITE_COUNTERSIGN_URL ?? "";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <CountersignProvider baseUrl={baseUrl}>
      <App />
    </CountersignProvider>
  </StrictMode>,
);
