// Calls to the practice server. A failed POST returns `{ok: false, notice}`.

const UNREACHABLE = "The practice server did not answer. Is it still running?";

async function read(response) {
  const answer = await response.json().catch(() => null);
  if (answer !== null && typeof answer === "object") {
    return response.ok || answer.ok === false
      ? answer
      : { ok: false, notice: answer.error ?? answer.notice ?? UNREACHABLE };
  }
  return {
    ok: response.ok,
    notice: response.ok ? undefined : `The practice server answered ${response.status}.`,
  };
}

export async function get(path, query = {}) {
  const response = await fetch(`${path}?${new URLSearchParams(query)}`, { cache: "no-store" });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`);
  return response.json();
}

export function post(path, body) {
  return send(path, "application/json", JSON.stringify(body));
}

/** Send a file as it is; `query` names it and the person. */
export function upload(path, query, file) {
  return send(`${path}?${new URLSearchParams(query)}`, "application/octet-stream", file);
}

async function send(address, type, body) {
  let response;
  try {
    response = await fetch(address, { method: "POST", headers: { "Content-Type": type }, body });
  } catch {
    return { ok: false, notice: UNREACHABLE };
  }
  return read(response);
}
