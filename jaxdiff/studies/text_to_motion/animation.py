"""A moving stick figure as one self-contained HTML file: no network, no program but a browser. Drag to look around."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.data.formats.files import write_text

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>__TITLE__</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 62rem; margin: auto; padding: 1rem; }
h1 { font-size: 1.25rem; } .figures { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 20rem; }
canvas { width: 100%; height: auto; border: 1px solid #d0d7de; border-radius: 6px; touch-action: none; cursor: grab; }
input { width: 100%; } button { font: inherit; padding: .3rem .9rem; }
</style></head><body><main>
<h1>__TITLE__</h1><div class="figures" id="figures"></div>
<p><label>time <input id="time" type="range" min="0" value="0"></label></p>
<p><button id="play">pause</button> drag a figure to look from elsewhere</p>
</main><script>
const motions = __MOTIONS__, bones = __BONES__, rate = __RATE__;
const frames = Math.max(...motions.map(m => m.joints.length)), time = document.getElementById("time");
let frame = 0, angle = 0.6, playing = !matchMedia("(prefers-reduced-motion: reduce)").matches, held = null, before = null;
time.max = frames - 1;
const canvases = motions.map(m => {
  const figure = document.createElement("figure"), canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  canvas.width = 640; canvas.height = 480; canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", m.name);
  caption.textContent = m.name; figure.append(canvas, caption); document.getElementById("figures").append(figure);
  canvas.onpointerdown = e => { held = e.clientX; canvas.setPointerCapture(e.pointerId); };
  canvas.onpointermove = e => { if (held !== null) { angle += (e.clientX - held) / 120; held = e.clientX; draw(); } };
  canvas.onpointerup = () => { held = null; };
  return canvas;
});
function draw() {
  const now = Math.floor(frame), c = Math.cos(angle), s = Math.sin(angle);
  motions.forEach((m, k) => {
    const pen = canvases[k].getContext("2d"), pose = m.joints[Math.min(now, m.joints.length - 1)], [ox, , oz] = pose[0];
    const place = ([x, y, z]) => {
      const u = c * (x - ox) + s * (z - oz), v = -s * (x - ox) + c * (z - oz);
      return [320 + 190 * u, 400 - 190 * y + 45 * v];
    };
    const line = (a, b) => { pen.beginPath(); pen.moveTo(...place(a)); pen.lineTo(...place(b)); pen.stroke(); };
    pen.clearRect(0, 0, 640, 480); pen.lineWidth = 1; pen.strokeStyle = "#d0d7de";
    for (let i = -4; i <= 4; i++) {
      const gx = Math.round(ox) + i / 1, gz = Math.round(oz) + i / 1;
      line([gx, 0, Math.round(oz) - 4], [gx, 0, Math.round(oz) + 4]); line([Math.round(ox) - 4, 0, gz], [Math.round(ox) + 4, 0, gz]);
    }
    pen.lineWidth = 5; pen.lineCap = "round";
    bones.forEach(([a, b, colour]) => { pen.strokeStyle = colour; line(pose[a], pose[b]); });
  });
  time.value = now;
}
function tick(stamp) {
  if (playing && before !== null) frame = (frame + rate * (stamp - before) / 1000) % frames;
  before = stamp; draw(); requestAnimationFrame(tick);
}
const button = document.getElementById("play");
button.onclick = () => { playing = !playing; button.textContent = playing ? "pause" : "play"; };
time.oninput = () => { frame = +time.value; playing = false; button.textContent = "play"; };
button.textContent = playing ? "pause" : "play"; requestAnimationFrame(tick);
</script></body></html>"""

COLOURS = {"left": "#0969da", "right": "#cf222e", "": "#57606a"}


def save(path: str | Path, title: str, motions: Mapping[str, np.ndarray], skeleton: Skeleton, rate: float) -> Path:
    """Writes motions (T, J, 3) in metres, y up, side by side; left limbs are blue, right ones red."""
    side = [next((word for word in ("left", "right") if word in name), "") for name in skeleton.names]
    bones = [(parent, joint, COLOURS[side[joint]]) for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    drawn = [{"name": name, "joints": np.round(np.asarray(x, np.float64), 3).tolist()} for name, x in motions.items()]
    values = {"__MOTIONS__": _json(drawn), "__BONES__": _json(bones), "__RATE__": _json(float(rate))}
    page = PAGE.replace("__TITLE__", html.escape(title))
    for name, value in values.items():
        page = page.replace(name, value)
    write_text(path, page.split("\n"))
    return Path(path)


def _json(value: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
