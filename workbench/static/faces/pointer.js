// The mouse and the keys of the grid: what they select, and which commands they mean.

const DRAG = 5; // pixels from which a press is a rubber band
const EDGE = 24; // pixels at the edges in which a band scrolls
const SCROLL = 18; // pixels a frame

/**
 * `actions` has what a press means: `choose(positions, how)` with how one of "only", "add",
 * "toggle", "range", "band-begin", "band" and "band-add", and the commands `erase`, `undo`, `showFrame`, `compare`, `all`, `none`,
 * `help`, `zoom(step)`.
 */
export function listen(grid, actions) {
  grid.element.addEventListener("keydown", (event) => key(grid, actions, event));
  grid.element.addEventListener("pointerdown", (event) => press(grid, actions, event));
  grid.element.addEventListener("dblclick", (event) => {
    if (grid.positionAt(grid.point(event)) >= 0) actions.showFrame();
  });
}

const MOVES = {
  ArrowLeft: (grid) => grid.current - 1,
  ArrowRight: (grid) => grid.current + 1,
  ArrowUp: (grid) => grid.vertical(grid.current, -1),
  ArrowDown: (grid) => grid.vertical(grid.current, 1),
  PageUp: (grid) => grid.vertical(grid.current, -grid.page),
  PageDown: (grid) => grid.vertical(grid.current, grid.page),
  Home: () => 0,
  End: (grid) => grid.count - 1,
};

const COMMANDS = {
  Delete: (actions) => actions.erase(),
  Backspace: (actions) => actions.erase(),
  Enter: (actions) => actions.showFrame(),
  Escape: (actions) => actions.none(),
  c: (actions) => actions.compare(),
  "?": (actions) => actions.help(),
  "+": (actions) => actions.zoom(1),
  "-": (actions) => actions.zoom(-1),
};
const WITH_CONTROL = { z: (actions) => actions.undo(), a: (actions) => actions.all() };

function key(grid, actions, event) {
  if (event.altKey) return;
  const control = event.ctrlKey || event.metaKey;
  const move = MOVES[event.key];
  if (move) {
    grid.go(move(grid));
    if (event.shiftKey) actions.choose([grid.current], "range");
    else if (!control) actions.choose([grid.current], "only");
  } else if (event.key === " ") {
    actions.choose([grid.current], event.shiftKey ? "range" : "toggle");
  } else {
    const command = control ? WITH_CONTROL[event.key.toLowerCase()] : COMMANDS[event.key];
    if (!command) return;
    command(actions);
  }
  event.preventDefault();
}

function press(grid, actions, event) {
  const inside = event.offsetX <= grid.element.clientWidth || event.target !== grid.element;
  if (event.button !== 0 || !inside || event.pointerType === "touch") return tap(grid, actions, event);
  grid.element.focus({ preventScroll: true });
  const start = grid.point(event);
  const control = event.ctrlKey || event.metaKey;
  let band = null, latest = event, frame = 0;

  const stretch = () => {
    frame = 0;
    const view = grid.element.getBoundingClientRect();
    const over = latest.clientY - (view.bottom - EDGE), under = view.top + EDGE - latest.clientY;
    if (over > 0 || under > 0) {
      grid.element.scrollTop += over > 0 ? SCROLL : -SCROLL;
      frame = requestAnimationFrame(stretch);
    }
    const end = grid.point(latest);
    band = {
      left: Math.max(0, Math.min(start.x, end.x)), right: Math.min(grid.width, Math.max(start.x, end.x)),
      top: Math.max(0, Math.min(start.y, end.y)), bottom: Math.max(start.y, end.y),
    };
    grid.drawBand(band);
    actions.choose(grid.positionsIn(band), control || event.shiftKey ? "band-add" : "band");
  };
  const move = (moved) => {
    latest = moved;
    const end = grid.point(moved);
    if (!band && Math.hypot(end.x - start.x, end.y - start.y) < DRAG) return;
    frame ||= requestAnimationFrame(stretch);
  };
  const release = () => {
    cancelAnimationFrame(frame);
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", release);
    removeEventListener("pointercancel", release);
    grid.drawBand(null);
    if (!band) click(grid, actions, event, start);
  };
  actions.choose([], "band-begin");
  addEventListener("pointermove", move);
  addEventListener("pointerup", release);
  addEventListener("pointercancel", release);
}

/** On a touch screen a finger scrolls, and a tap adds a face to the selection. */
function tap(grid, actions, event) {
  if (event.pointerType !== "touch") return;
  const start = grid.point(event), top = grid.element.scrollTop;
  grid.element.addEventListener("pointerup", () => {
    const position = grid.positionAt(start);
    if (position < 0 || grid.element.scrollTop !== top) return;
    grid.go(position);
    actions.choose([position], "toggle");
  }, { once: true });
}

function click(grid, actions, event, point) {
  const position = grid.positionAt(point);
  if (position < 0) {
    if (!event.ctrlKey && !event.shiftKey) actions.none();
    return;
  }
  grid.go(position);
  const how = event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only";
  actions.choose([position], how);
}
