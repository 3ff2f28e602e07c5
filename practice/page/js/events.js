// The event feed for one user. It reconnects by itself with increasing delays.

const FIRST_WAIT = 400;
const LONGEST_WAIT = 8000;

/** `onEvent(event)`, `onOpen({again})` and `onLost()`; returns a function that closes the feed. */
export function openEvents(user, { onEvent, onOpen, onLost }) {
  let socket = null;
  let wait = FIRST_WAIT;
  let timer = null;
  let ended = false;
  let openedBefore = false;

  const connect = () => {
    const address = new URL(`/page/events?user=${encodeURIComponent(user)}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      wait = FIRST_WAIT;
      onOpen({ again: openedBefore });
      openedBefore = true;
    });
    socket.addEventListener("message", (message) => onEvent(JSON.parse(message.data)));
    socket.addEventListener("close", () => {
      if (ended) return;
      onLost();
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(LONGEST_WAIT, wait * 2);
    });
  };
  const hurry = () => {
    if (socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    connect();
  };
  addEventListener("online", hurry);
  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    removeEventListener("online", hurry);
    socket.close();
  };
}
