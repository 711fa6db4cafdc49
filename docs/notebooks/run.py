"""Execute the notebooks and store their outputs: python docs/notebooks/run.py [NAME.ipynb ...]."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def execute(notebook: dict[str, Any], folder: Path) -> None:
    """Run all code cells in order in one namespace, inside `folder`, and store what they print and
    draw.
    """
    import matplotlib

    matplotlib.use("Agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    with contextlib.chdir(folder):
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            count += 1
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = _run("".join(cell["source"]), namespace)
            cell["execution_count"] = count
            cell["outputs"] = _text(printed.getvalue()) + _value(value, count) + _figures()


def _run(source: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell; the value of a last line that is an expression, as Jupyter shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), namespace)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


def _text(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}]


def _value(value: Any, count: int) -> list[dict[str, Any]]:
    if value is None or type(value).__module__.startswith("matplotlib"):
        return []
    data = {"text/plain": repr(value).splitlines(keepends=True)}
    result = {"output_type": "execute_result", "execution_count": count}
    return [{**result, "data": data, "metadata": {}}]


def _figures() -> list[dict[str, Any]]:
    import matplotlib.pyplot as plt
    from PIL import Image

    outputs = []
    for number in plt.get_fignums():
        drawn, buffer = io.BytesIO(), io.BytesIO()
        plt.figure(number).savefig(drawn, format="png", dpi=72, metadata={"Software": None})
        Image.open(drawn).convert("RGB").quantize(64).save(buffer, format="png", optimize=True)
        data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    return outputs


def main(names: list[str]) -> None:
    """Execute the named notebooks, or all."""
    for path in [HERE / name for name in names] or sorted(HERE.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            execute(notebook, Path(folder))
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main(sys.argv[1:])
