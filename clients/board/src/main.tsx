import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import "../../web/src/styles.css";
import "./styles.css";

const place = document.getElementById("board");
if (place === null) throw new Error("The page has no place for the board.");
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
