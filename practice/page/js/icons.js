// Line icons on a 24 by 24 grid.
import { svg } from "./dom.js";

const PATHS = {
  back: ["M15 5l-7 7 7 7"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  send: ["M4 12l16-8-5 17-4-7-7-2z"],
  down: ["M6 9l6 6 6-6"],
  right: ["M9 6l6 6-6 6"],
  more: ["M5 12h.01", "M12 12h.01", "M19 12h.01"],
  reply: ["M4 5h16v11H9l-5 4z"],
  hash: ["M9 4L7 20", "M17 4l-2 16", "M4 9h16", "M4 15h16"],
  lock: ["M6 11h12v9H6z", "M8.500 11V8a3.500 3.500 0 017 0v3"],
  eye: [
    "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7z",
    "M12 9.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5z",
  ],
  file: ["M7 3h7l4 4v14H7z", "M14 3v5h4", "M10 13h5", "M10 17h5"],
  download: ["M12 4v11", "M7 11l5 5 5-5", "M5 20h14"],
  open: ["M14 4h6v6", "M20 4l-9 9", "M18 14v6H4V6h6"],
  traffic: ["M4 8h13", "M13 4l4 4-4 4", "M20 16H7", "M11 12l-4 4 4 4"],
  check: ["M5 13l4 4L19 7"],
  alert: ["M12 8v5", "M12 16.500v.01", "M12 3l10 18H2z"],
  attach: ["M20 11l-8.500 8.500a5 5 0 01-7-7L13 4a3.300 3.300 0 015 5l-8.500 8.500a1.600 1.600 0 01-2.300-2.300L15 7.500"],
  shortcuts: ["M13 3L5 14h6l-1 7 8-11h-6z"],
  home: ["M4 11l8-7 8 7", "M6 10v10h12V10"],
};

export function icon(name, options) {
  return svg(PATHS[name], options);
}
