// The address bar holds what is open: #u=user&c=channel&t=thread&tab=home&v=list. A permalink also
// has the message to go to, m=ts.

export function readRoute() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const part = (name) => parts.get(name) || null;
  return {
    user: part("u"),
    channel: part("c"),
    thread: part("t"),
    tab: part("tab"),
    list: part("v") === "list",
    message: part("m"),
  };
}

function hashOf({ user, channel, thread, tab, list }) {
  const parts = new URLSearchParams();
  if (user) parts.set("u", user);
  if (channel) parts.set("c", channel);
  if (thread) parts.set("t", thread);
  if (tab) parts.set("tab", tab);
  if (list) parts.set("v", "list");
  return `#${parts}`;
}

/** Go to a route. With `replace`, only correct the address: no event and no history entry. */
export function go(route, { replace = false } = {}) {
  const hash = hashOf(route);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    return;
  }
  history.pushState(null, "", hash);
  dispatchEvent(new Event("routechange"));
}

export function onRoute(listener) {
  addEventListener("routechange", listener);
  addEventListener("hashchange", listener);
}
