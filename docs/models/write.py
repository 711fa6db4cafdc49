"""Write one page per shipped model from its card: python docs/models/write.py."""

from __future__ import annotations

from pathlib import Path

import jaxdiff
from jaxdiff.models import path_of

HERE = Path(__file__).parent
EXAMPLES = {
    "gait": "jaxdiff generate gait --input walk.mot --output forces.mot",
    "speed": "jaxdiff generate speed --input walk.mot --source-speed 1.0 --target-speed 0.6 1.4",
    "motion": 'jaxdiff generate motion --text "a person walks in a circle" --output motions',
}
FURTHER = {
    "gait": (
        "[how it works](../gait.md), [what was measured](../results/gait/README.md), [in real"
        " time](../exoskeleton.md)"
    ),
    "speed": (
        "[how it works](../papers/speed_transfer.md), [what was"
        " measured](../results/speed_transfer/README.md)"
    ),
    "motion": (
        "[how it works](../text_to_motion.md), [what was"
        " measured](../results/text_to_motion/README.md)"
    ),
}


def page(name: str) -> str:
    """The page of a shipped model as Markdown."""
    model = jaxdiff.load(name)
    card, size = model.card, path_of(name).stat().st_size / 1e6
    lines = [f"# Model card: `{name}`", "", card.summary, "", "```bash", EXAMPLES[name], "```", ""]
    facts = {
        "trained on": card.data,
        "people": card.people,
        "limits": card.limits,
        "licence of the weights": card.licence,
        "made by": "`{}`{}{}".format(*card.source.partition(", ")) if card.source else "",
        "size": f"{size:.1f} MB, in the package",
        "more": FURTHER.get(name, ""),
    }
    lines += ["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items() if v), ""]
    lines += ["## Scores", "", "| | |", "|---|---|"]
    lines += [f"| {k} | {v} |" for k, v in card.scores.items()]
    lines += [
        "",
        "Scores are of people who were not used for training, of the kind in the row `people`.",
        "",
    ]
    lines += ["## Inputs and outputs", ""]
    if model.inputs == model.outputs:
        lines += ["Any part of these goes in, and the others come out.", ""]
    sides = (
        [("", model.inputs)]
        if model.inputs == model.outputs
        else [("in: ", model.inputs), ("out: ", model.outputs)]
    )
    lines += ["| signal | channels and units | rate or phase |", "|---|---|---|"]
    for side, signals in sides:
        for signal in signals:
            pairs = ", ".join(f"{c} [{u}]" for c, u in zip(signal.channels, signal.units))
            clock = f"{signal.rate:g} Hz" if signal.rate else ""
            if signal.strides:
                clock = (
                    f"{signal.length} samples of {signal.strides} stride(s), from {signal.phase}"
                )
            units = f"[{', '.join(signal.units)}]" if signal.units and not pairs else pairs
            lines.append(f"| {side}`{signal.name}` | {units} | {clock} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all pages."""
    for name in jaxdiff.models():
        (HERE / f"{name}.md").write_text(page(name), encoding="utf-8")
        print(f"docs/models/{name}.md")


if __name__ == "__main__":
    main()
