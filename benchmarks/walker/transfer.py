"""Models fitted on simulated people alone, evaluated on real people.

python -m benchmarks.walker.transfer --out=docs/results/walker [--people=400]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.walker import cohorts, real
from benchmarks.walker.real import Examples
from jaxdiff.baselines import Fit, ridge

ROWS = 2400
"""Training strides per fit, evenly drawn."""


def network(x: np.ndarray, y: np.ndarray, subjects: np.ndarray, seed: int = 0, steps: int = 1500):
    """A small multilayer perceptron over all samples of a stride: two hidden layers of 192,
    dropout, AdamW.
    """
    import jax
    import jax.numpy as jnp
    import optax

    mean, scale = x.mean((0, 1)), x.std((0, 1)) + 1e-6
    centre, spread = y.mean(0), y.std((0, 1)) + 1e-6
    flat = jnp.asarray(((x - mean) / scale).reshape(len(x), -1), jnp.float32)
    wanted = jnp.asarray(((y - centre) / spread).reshape(len(y), -1), jnp.float32)
    sizes = [flat.shape[1], 192, 192, wanted.shape[1]]
    keys = jax.random.split(jax.random.key(seed), 4)
    params = [
        (jax.random.normal(k, (a, b)) * np.sqrt(1.0 / a), jnp.zeros(b))
        for k, a, b in zip(keys, sizes, sizes[1:])
    ]

    def apply(params, h, key=None):
        for i, (w, b) in enumerate(params):
            h = h @ w + b
            if i < 2:
                h = jax.nn.silu(h)
                if key is not None:
                    key, own = jax.random.split(key)
                    h = h * jax.random.bernoulli(own, 0.9, h.shape) / 0.9
        return h

    optimiser = optax.adamw(optax.cosine_decay_schedule(2e-3, steps), weight_decay=1e-3)

    @jax.jit
    def fit(params):
        def step(carry, key):
            params, state = carry
            rows = jax.random.randint(key, (128,), 0, len(flat))
            loss = lambda p: jnp.square(apply(p, flat[rows], key) - wanted[rows]).mean()  # noqa: E731
            update, state = optimiser.update(jax.grad(loss)(params), state, params)
            return (optax.apply_updates(params, update), state), None

        keys = jax.random.split(keys_last, steps)
        return jax.lax.scan(step, (params, optimiser.init(params)), keys)[0][0]

    keys_last = keys[3]
    params = fit(params)

    def predict(x: np.ndarray) -> np.ndarray:
        out = apply(params, jnp.asarray(((x - mean) / scale).reshape(len(x), -1), jnp.float32))
        return np.asarray(out).reshape(-1, *y.shape[1:]) * spread + centre

    return predict


def stepped_ridge(x, y, subjects):
    """Ridge regression scaled by channel."""
    return ridge(x, y, subjects, scaling="channel")


MODELS: dict[str, Callable | Fit] = {"ridge": stepped_ridge, "network": network}


def scores(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """R² of every target over all samples, against the real mean."""
    error = np.square(predicted - truth).sum((0, 1))
    return 1.0 - error / np.square(truth - truth.mean((0, 1))).sum((0, 1))


def errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean square error of every target."""
    return np.sqrt(np.square(predicted - truth).mean((0, 1)))


def thinned(examples: Examples, rows: int = ROWS) -> Examples:
    """An evenly drawn subset."""
    keep = np.unique(np.linspace(0, len(examples.x) - 1, rows).astype(int))
    return examples._replace(x=examples.x[keep], y=examples.y[keep], subject=examples.subject[keep])


def questions() -> dict[str, tuple[str, str, Examples]]:
    """Real data by name: (given, wanted, examples)."""
    moments, forces = real.opensim_walk()
    return {
        "OpenSim walk: angles to moments": ("angles", "moments", moments),
        "OpenSim walk: angles to forces": ("angles", "forces", forces),
        "OpenSim walk: forces to moments": ("forces", "moments", moments._replace(x=forces.y)),
        "Hood K3: ankle angle and speed to moment": ("ankle", "moments", real.hood()),
        "CMU walks: thighs to knee and shank, shapes": ("thighs", "shank", real.cmu()),
    }


def table(training: dict[str, dict[str, np.ndarray]], models=MODELS) -> list[dict]:
    """One row per question, target, cohort and model."""
    found = []
    for question, (given, wanted, truth) in questions().items():
        for cohort, columns in training.items():
            examples = thinned(cohorts.task(columns, given, wanted))
            predictors = {
                name: fit(examples.x, examples.y, examples.subject) for name, fit in models.items()
            }
            mean = np.broadcast_to(examples.y.mean(0), truth.y.shape)
            answers = {"mean curve": mean} | {n: p(truth.x) for n, p in predictors.items()}
            for model, answer in answers.items():
                for i, target in enumerate(truth.targets):
                    r2, rmse = scores(answer, truth.y)[i], errors(answer, truth.y)[i]
                    found.append(
                        {"question": question, "target": target, "cohort": cohort, "model": model}
                        | {"r2": float(r2), "rmse": float(rmse)}
                    )
    return found


def markdown(rows: list[dict]) -> str:
    """The rows as one table: a line per question and target, R² (RMSE) by model and cohort."""
    columns = list(dict.fromkeys((row["model"], row["cohort"]) for row in rows))
    columns.sort(key=lambda c: ["mean curve", *MODELS].index(c[0]))
    head = ["question", "target", *(f"{model}, {cohort}" for model, cohort in columns)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for question, target in dict.fromkeys((row["question"], row["target"]) for row in rows):
        cells = []
        for model, cohort in columns:
            row = next(
                r
                for r in rows
                if (r["question"], r["target"], r["model"], r["cohort"])
                == (question, target, model, cohort)
            )
            cells.append(f"{row['r2']:.2f} ({row['rmse']:.3g})")
        lines.append("| " + " | ".join([question, target, *cells]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/results/walker"))
    parser.add_argument("--people", type=int, default=400)
    args = parser.parse_args()
    training = {"first cohort": cohorts.papers(), "batched cohort": cohorts.batched(args.people)}
    rows = table(training)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "transfer.md").write_text(markdown(rows))
    print(markdown(rows))


if __name__ == "__main__":
    main()
