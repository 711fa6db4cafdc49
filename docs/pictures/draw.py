"""The pictures and small tables of the concept pages: python docs/pictures/draw.py (needs the extra
viz).

Everything is measured with denoisers in closed form, so that what is seen is the sampler and not a
network.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from jaxdiff import grids, guidance, sample, schedules, solvers

HERE = Path(__file__).parent
mpl.use("Agg")
plt.rcParams.update(
    {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 110}
)


def gaussian(schedule, mean, std):
    """`E[x0 | x_t]` for data that are N(mean, std²)."""

    def denoise(x_t, t):
        alpha, sigma = schedules.at(schedule, t)
        return mean + alpha * std**2 / (alpha**2 * std**2 + sigma**2) * (x_t - alpha * mean)

    return denoise


def mixture(schedule, means=(-1.5, 1.0), stds=(0.3, 0.5), weights=(0.3, 0.7)):
    """`E[x0 | x_t]` for data of two bumps on a line; `x_t` is (B, 1)."""
    means, stds, weights = (jnp.asarray(value, jnp.float32) for value in (means, stds, weights))

    def denoise(x_t, t):
        alpha, sigma = schedules.at(schedule, t)
        off, variance = x_t - alpha * means, alpha**2 * stds**2 + sigma**2
        share = jax.nn.softmax(
            jnp.log(weights) - 0.5 * (off**2 / variance + jnp.log(variance)), axis=-1
        )
        return jnp.sum(share * (means + alpha * stds**2 / variance * off), axis=-1, keepdims=True)

    return denoise


def draw_schedules() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    print("schedule: alpha_bar and sigma / alpha at the ends")
    for name, make in schedules.SCHEDULES.items():
        schedule = make(1000)
        alpha, sigma = (np.asarray(column, np.float64) for column in schedule)
        left.plot(alpha**2, label=name)
        right.plot(np.log10(sigma / alpha), label=name)
        print(
            f"  {name}: {alpha[-1] ** 2:.2e}; {sigma[0] / alpha[0]:.4f} …"
            f" {sigma[-1] / alpha[-1]:.1f}"
        )
    left.set(xlabel="step t", ylabel="alpha², the share of signal")
    right.set(xlabel="step t", ylabel="log10(sigma / alpha)")
    left.legend(frameon=False)
    figure.savefig(HERE / "schedules.png")


def draw_grids() -> None:
    schedule = schedules.linear()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
    print("grid: the steps of six")
    for row, (name, make) in enumerate(grids.GRIDS.items()):
        grid = make(schedule, 6)
        print(f"  {name}: {', '.join(f'{t:g}' for t in np.round(np.asarray(grid.t), 1))}")
        grid = make(schedule, 20)
        ratio = np.asarray(grid.sigma[:-1] / grid.alpha[:-1])
        left.plot(np.asarray(grid.t), np.full(20, row), "|", ms=11, mew=1.5)
        right.plot(np.log10(ratio), np.full(20, row), "|", ms=11, mew=1.5)
    left.set(xlabel="step t", yticks=range(len(grids.GRIDS)), yticklabels=list(grids.GRIDS))
    right.set(xlabel="log10(sigma / alpha), noise to signal")
    for axis in (left, right):
        axis.invert_xaxis()
    figure.savefig(HERE / "grids.png")


def draw_solvers() -> None:
    """Error of the sample against the same path in 1000 steps of Heun: order of convergence on the
    mixture.
    """
    schedule = schedules.linear()
    denoise = mixture(schedule)
    x = jax.scipy.special.ndtri((jnp.arange(512) + 0.5) / 512)[:, None]
    exact = sample(None, denoise, grids.karras(schedule, 1000), solvers.heun(), x)
    counts = (5, 10, 20, 40, 80)
    figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
    print(f"solver: rms error by steps {counts}, Karras levels")
    for name in ("ddim", "heun", "dpm_solver_pp_2"):
        run = jax.jit(
            lambda grid, name=name: sample(None, denoise, grid, solvers.SOLVERS[name](), x)
        )
        error = [
            float(jnp.sqrt(jnp.mean((run(grids.karras(schedule, n)) - exact) ** 2))) for n in counts
        ]
        calls = [2 * n - 1 if name == "heun" else n for n in counts]
        axis.loglog(calls, error, "o-", label=name)
        print(f"  {name}: {', '.join(f'{e:.4f}' for e in error)}")
    axis.set(xlabel="calls of the network", ylabel="rms distance from the exact path")
    axis.legend(frameon=False)
    figure.savefig(HERE / "solvers.png")


def draw_guidance() -> None:
    schedule = schedules.linear()
    grid, x = grids.karras(schedule, 200), jax.random.normal(jax.random.key(0), (20000, 1))
    conditional, unconditional = gaussian(schedule, 1.0, 0.5), gaussian(schedule, 0.0, 1.0)
    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    print("guidance: mean and deviation of the samples by scale")
    for scale in (1.0, 1.5, 2.5, 5.0):
        denoise = guidance.classifier_free(conditional, unconditional, scale)
        drawn = np.asarray(sample(None, denoise, grid, solvers.dpm_solver_pp(), x))
        axis.hist(
            drawn[:, 0],
            np.linspace(-1, 3.5, 120),
            density=True,
            histtype="step",
            lw=1.5,
            label=f"scale {scale:g}",
        )
        print(f"  {scale:g}: {drawn.mean():.2f}, {drawn.std():.2f}")
    axis.set(xlabel="x", yticks=[])
    axis.spines["left"].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(HERE / "guidance.png")


CHOICES = {
    "ddpm, even steps": (grids.trailing, "ddpm"),
    "ddim, even steps": (grids.trailing, "ddim"),
    "ddim, karras": (grids.karras, "ddim"),
    "heun, karras": (grids.karras, "heun"),
    "dpm_solver_pp(2), karras": (grids.karras, "dpm_solver_pp_2"),
    "the same, stochastic": (grids.karras, "sde_dpm_solver_pp_2"),
}


def draw_choice() -> None:
    """Distance of 20 000 samples from the distribution of two bumps, and what becomes of a narrow
    one.
    """
    schedule = schedules.linear()
    rng, count, calls = np.random.default_rng(0), 20000, (4, 6, 10, 20, 50, 100, 200)
    bump = rng.choice(2, 400000, p=(0.3, 0.7))
    truth = np.quantile(
        np.take((-1.5, 1.0), bump) + np.take((0.3, 0.5), bump) * rng.normal(size=400000),
        (np.arange(count) + 0.5) / count,
    )
    x = jax.scipy.special.ndtri((jnp.arange(count) + 0.5) / count)[:, None]
    figure, axis = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    lines = ["sampler," + ",".join(f"{n} calls" for n in calls)]
    print(f"choice: W1 over the deviation of the data, by calls {calls}")
    for name, (spacing, word) in CHOICES.items():
        run = jax.jit(
            lambda grid, word=word: sample(
                jax.random.key(1), mixture(schedule), grid, solvers.SOLVERS[word](), x
            )
        )
        steps = [n // 2 if word == "heun" else n for n in calls]
        off = [
            float(
                np.abs(np.sort(np.asarray(run(spacing(schedule, n)))[:, 0]) - truth).mean()
                / truth.std()
            )
            for n in steps
        ]
        axis.loglog(calls, off, "o-", ms=4, label=name)
        lines.append(f"{name}," + ",".join(f"{value:.4f}" for value in off))
        print(f"  {name}: {', '.join(f'{value:.4f}' for value in off)}")
    axis.set(xlabel="calls of the network", ylabel="distance from the data (W1 / deviation)")
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(HERE / "choice.png")
    (HERE / "choice.csv").write_text("\n".join(lines) + "\n")
    for name, (spacing, word) in CHOICES.items():
        spreads = []
        for std in (0.03, 0.1, 0.3, 1.0):
            run = jax.jit(
                lambda grid, word=word, std=std: sample(
                    jax.random.key(1),
                    gaussian(schedule, 0.0, std),
                    grid,
                    solvers.SOLVERS[word](),
                    x,
                )
            )
            spreads.append(float(run(spacing(schedule, 10 if word == "heun" else 20)).std() / std))
        print(
            f"  {name}, 20 calls, spread over that of N(0, s²), s = 0.03, 0.1, 0.3, 1:"
            f" {', '.join(f'{v:.2f}' for v in spreads)}"
        )


def tell_amplification() -> None:
    schedule = schedules.linear()
    print("denoiser: error of x0 for an error of 1 in the network's output")
    for t in (0, 100, 500, 900, 999):
        alpha, sigma = (float(value) for value in schedules.at(schedule, t))
        print(f"  t = {t}: eps {sigma / alpha:.3g}, v {sigma:.3g}, x0 1")


def draw_front() -> None:
    """Vertical forces of the example walk with their 90 % interval, over the walking legs."""
    from jaxdiff.report import legs
    from jaxdiff.studies.gait import demo
    from jaxdiff.studies.loading import load

    walk, measured = demo.example()
    made = load("gait").generate(walk, samples=32)
    low, high = made.interval(0.9)
    time = made.median.time
    start, stop = time[0], time[0] + 2.4
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 5), height_ratios=(1, 1.25), sharex=True, layout="constrained"
    )
    names = [
        f"{joint}_{side}"
        for side in "rl"
        for joint in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
    ]
    joints = legs.joints(np.nan_to_num(walk.select(names).values), walk.rate)
    parents = legs.skeleton().parents
    for moment in np.arange(start + 0.1, stop, 0.2):
        pose = joints[int(round((moment - walk.start) * walk.rate))]
        for joint, parent in enumerate(parents):
            if parent >= 0:
                colour = "tab:blue" if 1 <= joint <= 5 else "tab:red"
                above.plot(
                    moment + 0.18 * pose[[parent, joint], 2],
                    pose[[parent, joint], 1],
                    color=colour,
                    lw=2,
                    solid_capstyle="round",
                )
        for side, toe in (("r", 5), ("l", 10)):
            force = np.interp(moment, time, made.median[f"grf_normal_{side}"]) / 9.81
            if force > 0.1:
                at = moment + 0.18 * pose[toe - 1 : toe + 1, 2].mean()
                above.annotate(
                    "",
                    (at, 0.45 * force),
                    (at, 0),
                    arrowprops={"arrowstyle": "-|>", "color": "tab:orange", "lw": 1.5},
                )
    above.set(ylim=(-0.03, 1.0), ylabel="measured: joint angles", yticks=[])
    for side, colour, label in (("r", "tab:blue", "right"), ("l", "tab:red", "left")):
        name = f"grf_normal_{side}"
        below.fill_between(time, low[name] / 9.81, high[name] / 9.81, color=colour, alpha=0.2, lw=0)
        below.plot(time, made.median[name] / 9.81, color=colour, label=f"{label}, generated")
        below.plot(measured.time, measured[name] / 9.81, color="k", lw=0.8, ls="--")
    below.plot([], [], color="k", lw=0.8, ls="--", label="simulated person")
    below.set(xlim=(start, stop), xlabel="time [s]", ylabel="vertical force [body weights]")
    below.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    figure.savefig(HERE / "front.png", dpi=100)


if __name__ == "__main__":
    for each in (
        draw_front,
        draw_schedules,
        draw_grids,
        tell_amplification,
        draw_solvers,
        draw_guidance,
        draw_choice,
    ):
        each()
