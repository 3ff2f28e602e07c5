// Writes the OpenAPI document of a running Countersign, without its version.
import { writeFile } from "node:fs/promises";

const base = process.env.COUNTERSIGN_URL ?? "http://127.0.0.1:8000";
const document = await (await fetch(`${base}/openapi.json`)).json();
document.info.version = "0";
await writeFile("openapi.json", `${JSON.stringify(document, null, 2)}\n`);
