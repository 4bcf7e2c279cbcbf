// What the page asks of the server, and what the server tells it.

let csrf = "";
const listeners = new Map();
const latest = new Map();
let socket = null;

/** Call a function with each event of a type, and with the newest one at once. */
export function on(type, listener) {
  if (!listeners.has(type)) listeners.set(type, new Set());
  listeners.get(type).add(listener);
  if (latest.has(type)) listener(latest.get(type));
  return () => listeners.get(type).delete(listener);
}

/** Tell the views something. */
export function emit(event) {
  if (event.type !== "log") latest.set(event.type, event);
  for (const listener of listeners.get(event.type) ?? []) listener(event);
}

/** The newest event of a type. */
export function newest(type) {
  return latest.get(type);
}

async function answer(response) {
  const type = response.headers.get("content-type") ?? "";
  const content = type.includes("json") ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Error(content.error);
  return content;
}

export async function get(path) {
  return answer(await fetch(path));
}

export async function post(path, value) {
  const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(value ?? {}) }));
}

/** Post a value; the answer is bytes. */
export async function postForBytes(path, value) {
  const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(value) });
  if (!response.ok) await answer(response);
  return response.arrayBuffer();
}

/** Send a file; `progress` is called with the fraction that is sent. */
export function upload(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no progress
    request.open("POST", path);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onerror = () => reject(new Error("the connection broke; nothing was kept"));
    request.onload = () => {
      let content = {};
      try {
        content = JSON.parse(request.responseText);
      } catch {
        content = { error: request.responseText };
      }
      if (request.status === 200) resolve(content);
      else reject(new Error(content.error));
    };
    request.send(file);
  });
}

/** Begin: learn the token and the commands, and listen. */
export async function start() {
  const session = await get("/api/session");
  csrf = session.csrf;
  emit({ type: "commands", commands: session.commands });
  connect();
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.onopen = () => {
    emit({ type: "connection", text: "" });
    const shown = newest("shown");
    if (shown) show(shown.job);
  };
  socket.onmessage = (message) => emit(JSON.parse(message.data));
  socket.onclose = () => {
    emit({ type: "connection", text: "The workbench is closed; what runs goes on." });
    setTimeout(reconnect, 1000);
  };
}

async function reconnect() {
  try {
    const session = await fetch("/api/session");
    if (session.status === 401) {
      emit({ type: "connection", text: "The workbench was started again: open its new address." });
      setTimeout(reconnect, 5000);
      return;
    }
    csrf = (await session.json()).csrf;
    connect();
  } catch {
    setTimeout(reconnect, 1000);
  }
}

/** Ask for the log of a job. */
export function show(job) {
  emit({ type: "shown", job });
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ show: job }));
}
