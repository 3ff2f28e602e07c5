import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const clients = fileURLToPath(new URL("..", import.meta.url));

/** What the built files depend on, below clients/. tests/packaging/test_board_files.py has the same. */
const SOURCES = [
  "board/index.html",
  "board/package-lock.json",
  "board/src",
  "board/vite.config.ts",
  "web/src",
];

/** Writes what the build was made from beside it, so that a test can tell whether it is current. */
export function record(): Plugin {
  return {
    name: "record",
    apply: "build",
    writeBundle({ dir }) {
      if (dir === undefined) return;
      const text = JSON.stringify({ sources: hash(clients, SOURCES), built: hash(dir, ["."]) });
      writeFileSync(join(dir, "build.json"), `${text}\n`);
    },
  };
}

/** A hash over the paths and contents of files; a folder stands for all files in it. */
function hash(root: string, names: readonly string[]): string {
  const digest = createHash("sha256");
  const paths = names.flatMap((name) => files(join(root, name)));
  const named = paths.map((path) => ({ path, name: relative(root, path).split(sep).join("/") }));
  for (const { path, name } of named.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (name === "build.json") continue;
    const content = readFileSync(path);
    digest.update(`${name}\0${content.length}\0`).update(content);
  }
  return digest.digest("hex");
}

function files(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => files(join(path, name)));
}
