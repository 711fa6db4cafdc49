"""Agreement with the reference implementations, case by case as the golden files list them."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from diffusion import exact

from jaxdiff import grids, guidance, invert, predictions, sample, schedules, solvers
from jaxdiff.diffusion.inversion import round_trip
from jaxdiff.diffusion.sampling import steps
from jaxdiff.typing import Grid

KINDS = {"sample": "x0", "epsilon": "eps", "v_prediction": "v"}


def cases(file, field="cases"):
    listed = oracles.meta(file)[field]
    return pytest.mark.parametrize(
        "case", listed, ids=[case.get("name") or case["key"] for case in listed]
    )


def betas_of(case, dtype=np.float32):
    if case["beta_schedule"] == "squaredcos_cap_v2":
        return schedules.cosine_betas(case["T"], dtype)
    betas = {"linear": schedules.linear_betas, "scaled_linear": schedules.scaled_linear_betas}
    return betas[case["beta_schedule"]](case["T"], case["beta_start"], case["beta_end"], dtype)


def schedule_of(case):
    if case["beta_schedule"] == "squaredcos_cap_v2":
        return schedules.cosine(case["T"])
    return schedules.SCHEDULES[case["beta_schedule"]](
        case["T"], case["beta_start"], case["beta_end"]
    )


def grid_of(case, schedule):
    if case.get("karras"):
        return grids.karras(schedule, case["n"])
    if case["sampler"] == "dpm":
        return grids.linspace(schedule, case["n"], clean=0)
    return grids.GRIDS[case["spacing"]](schedule, case["n"])


def solver_of(case):
    if case["sampler"] == "dpm":
        return solvers.dpm_solver_pp(case["order"], stochastic=case["alg"].startswith("sde"))
    return {
        "ddpm": solvers.ddpm,
        "ddim": lambda: solvers.ddim(case["eta"]),
        "euler": solvers.euler,
        "heun": solvers.heun,
    }[case["sampler"]]()


def ratio(grid):
    return np.asarray(grid.sigma, np.float64) / np.asarray(grid.alpha, np.float64)


def trajectory(case, denoise, grid, x_start, noise):
    """The path of one jitted `sample`; or, where diffusers' DDIM leaves its own grid, one of single
    steps.

    It always goes T // n steps back, which is not the next row where n does not divide T, or on a
    linspace grid.
    """
    solver = solver_of(case)
    run = jax.jit(
        lambda grid, x, z: sample(None, denoise, grid, solver, x, noise=z, return_path=True)
    )
    t = np.round(np.asarray(grid.t)).astype(int)
    stride = case.get("T", 0) // case["n"]
    if case["sampler"] != "ddim" or np.all(-np.diff([*t, -1])[:-1] == stride) and t[-1] < stride:
        return run(grid, x_start, noise)
    schedule, path = schedule_of(case), [x_start]
    for i, now in enumerate(t):
        row = grids.explicit(schedule, [now] if now < stride else [now, now - stride])
        one = Grid(row.t[:1], row.alpha[:2], row.sigma[:2])
        path.append(run(one, path[-1], None if noise is None else noise[i : i + 1])[-1])
    return jnp.stack(path)


@pytest.mark.parametrize("name", oracles.meta("schedules")["schedules"])
def test_golden_schedule(name):
    case, file = (
        oracles.meta("schedules")["schedules"][name],
        oracles.under(oracles.arrays("schedules"), name),
    )
    betas = betas_of(case)
    np.testing.assert_allclose(betas, file["betas_f32"], rtol=0, atol=5e-9)
    np.testing.assert_allclose(
        schedules.cumulative(betas), file["alphas_cumprod_f32"], rtol=0, atol=2**-24
    )
    double = betas_of(case, np.float64)
    np.testing.assert_allclose(double, file["betas_f64"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        schedules.cumulative(double), file["alphas_cumprod_f64"], rtol=0, atol=1e-14
    )

    schedule = schedule_of(case)
    alpha_bar = schedules.alpha_bar(schedule, jnp.arange(case["T"]))
    np.testing.assert_allclose(alpha_bar, file["alphas_cumprod_f32"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", oracles.meta("schedules")["schedules"])
def test_golden_ddpm_variance(name):
    case, file = (
        oracles.meta("schedules")["schedules"][name],
        oracles.under(oracles.arrays("schedules"), name),
    )
    each = steps(grids.leading(schedule_of(case), case["T"]))._replace(noise=jnp.ones(case["T"]))
    zero = jnp.zeros(())
    std = jax.vmap(lambda step: solvers.ddpm().step((), zero, lambda x, t: zero, step)[1])(each)
    np.testing.assert_allclose(std[::-1] ** 2, file["fixed_small_variance_f32"], rtol=0, atol=2e-6)


@cases("schedules", "ddim_timesteps")
def test_golden_timesteps(case):
    assert case["steps_offset"] == 0
    grid = grids.GRIDS[case["spacing"]](schedules.linear(case["T"]), case["n"])
    np.testing.assert_array_equal(grid.t, oracles.arrays("schedules")[case["key"]])


@pytest.mark.parametrize("spacing", ["karras", "dpm_linspace"])
def test_golden_sigmas(spacing):
    meta, file = oracles.meta("schedules"), oracles.arrays("schedules")
    for case in meta[spacing]:
        schedule = schedule_of(meta["schedules"][case["schedule"]])
        if spacing == "karras":
            grid = grids.karras(schedule, case["n"], case["rho"])
        else:
            grid = grids.linspace(schedule, case["n"], clean=0)
        np.testing.assert_array_equal(np.round(grid.t), file[case["key"] + "/timesteps"])
        np.testing.assert_allclose(ratio(grid), file[case["key"] + "/sigmas"], rtol=2e-6, atol=0)


def test_golden_denoiser():
    file = oracles.arrays("samplers")
    for x, abar, x0 in zip(file["denoiser/x"], file["denoiser/abar"], file["denoiser/x0"]):
        levels = np.sqrt(abar, dtype=np.float32), np.sqrt(1 - abar, dtype=np.float32)
        np.testing.assert_allclose(
            exact.posterior_mean(x, *levels, *mix(file)), x0, rtol=0, atol=5e-6
        )


def mix(file, name="mix"):
    return tuple(jnp.asarray(file[f"{name}/{field}"]) for field in ("means", "stds", "weights"))


def network(schedule, kind, mixture):
    """A Denoiser around a network that says `kind`: evaluated at the rounded step, and formed at
    the exact level.
    """

    def denoise(x, t):
        exact_level = schedules.at(schedule, t)

        def says(x, rounded):
            x0 = exact.posterior_mean(x, *schedules.at(schedule, rounded), *mixture)
            return predictions.convert(x0, x, *exact_level, "x0", kind)

        return predictions.from_prediction(kind, schedule, says)(x, t)

    return denoise


@cases("samplers")
def test_golden_sampler(case):
    file = oracles.arrays("samplers")
    golden, x_start, mixture = oracles.under(file, case["name"]), file["x_T"], mix(file)
    schedule = schedule_of(case)
    grid = grid_of(case, schedule)
    if "timesteps" in golden:
        np.testing.assert_array_equal(np.round(grid.t), golden["timesteps"])
    if "sigmas" in golden:
        np.testing.assert_allclose(ratio(grid), golden["sigmas"], rtol=2e-6, atol=0)
    noise = golden["noise"] if case["stochastic"] else None
    tolerance = {"ddpm": 5e-4 if case.get("final_only") else 1e-4}.get(case["sampler"], 5e-5)

    for prediction in case["prediction_types"]:
        if case["sampler"] in ("euler", "heun"):
            denoise = exact.mixture(schedule, *mixture)
        else:
            denoise = network(schedule, KINDS[prediction], mixture)
        path = trajectory(case, denoise, grid, x_start, noise)
        if case.get("final_only"):
            np.testing.assert_allclose(path[-1], golden["final"], rtol=0, atol=tolerance)
            continue
        expected = golden["traj" if prediction == "sample" else f"traj_{prediction}"]
        if case["sampler"] in ("euler", "heun"):  # variance-exploding coordinates
            expected = expected / np.sqrt(1 + golden["sigmas"] ** 2)[:, None, None, None]
        np.testing.assert_allclose(path, expected, rtol=0, atol=tolerance)
        if prediction == "sample" and "x0" in golden:
            x0 = jax.jit(jax.vmap(denoise))(path[:-1], grid.t)
            np.testing.assert_allclose(x0, golden["x0"], rtol=0, atol=tolerance)
        if "traj_calls" in golden:
            check_heun_predictions(denoise, grid, path, golden)


def check_heun_predictions(denoise, grid, path, golden):
    """Rows 1, 3, 5 … of `traj_calls` are Heun's Euler predictions, in coordinates of the level they
    end at.
    """
    expected = (
        golden["traj_calls"][1::2][: grid.t.size - 1]
        * np.asarray(grid.alpha)[1:-1, None, None, None]
    )
    euler = jax.vmap(lambda x, step: solvers.euler().step((), x, denoise, step)[1])
    predicted = jax.jit(euler)(path[:-1], steps(grid))
    np.testing.assert_allclose(predicted[:-1], expected, rtol=0, atol=5e-5)


@cases("inversion")
def test_golden_inversion(case):
    meta, file = oracles.meta("inversion"), oracles.arrays("inversion")
    golden, x0, schedule = oracles.under(file, case["name"]), file["x0"], schedule_of(meta)
    grid = grids.GRIDS[meta["spacing"]](schedule, meta["n"])
    np.testing.assert_array_equal(grid.t, file["fwd_timesteps"])
    np.testing.assert_array_equal(grid.t[::-1], file["inv_timesteps"])
    kind = KINDS[case["prediction_type"]]
    denoise, evaluate_at = network(schedule, kind, mix(file)), "current"
    if case["network_level"] == "target":
        evaluate_at = {"x0": "target_sample", "eps": "target_epsilon"}[kind]

    @jax.jit
    def there_and_back(x0):
        up = invert(denoise, grid, x0, evaluate_at=evaluate_at, return_path=True)
        back = grids.floored(grid)
        down = sample(None, denoise, back, solvers.ddim(), up[-1], return_path=True)
        return up, down, round_trip(denoise, grid, x0, evaluate_at=evaluate_at)

    up, down, error = there_and_back(x0)
    np.testing.assert_allclose(
        up, golden["inv_traj"][1:], rtol=0, atol=1e-4
    )  # the golden first step stays in place
    np.testing.assert_allclose(down, golden["fwd_traj"][:-1], rtol=0, atol=1e-4)  # as does its last
    np.testing.assert_allclose(error.max_abs, golden["roundtrip_max_abs"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(error.rms, golden["roundtrip_rmse"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "level, evaluate_at", [("current", "current"), ("target", "target_epsilon")]
)
def test_golden_round_trip_scan(level, evaluate_at):
    meta, file = oracles.meta("inversion"), oracles.arrays("inversion")
    schedule = schedule_of(meta)
    denoise = network(schedule, "eps", mix(file))
    trip = jax.jit(lambda grid: round_trip(denoise, grid, file["x0"], evaluate_at=evaluate_at))
    for i, n in enumerate(file["scan/n"]):
        error = trip(grids.GRIDS[meta["spacing"]](schedule, int(n)))
        np.testing.assert_allclose(
            error.max_abs, file[f"scan/{level}_max_abs"][i], rtol=0, atol=1e-4
        )
        np.testing.assert_allclose(error.rms, file[f"scan/{level}_rmse"][i], rtol=0, atol=1e-4)


@cases("guidance")
def test_golden_guidance(case):
    file = oracles.arrays("guidance")
    golden, schedule = oracles.under(file, case["name"]), schedule_of(case)
    grid = grid_of(case, schedule)
    conditional, unconditional = (
        network(schedule, "x0", mix(file, name)) for name in ("cond", "uncond")
    )
    denoise = guidance.classifier_free(conditional, unconditional, case["scale"])
    noise = file["noise"][: case["n"]] if solver_of(case).stochastic else None
    np.testing.assert_array_equal(np.round(grid.t), golden["timesteps"])
    if "sigmas" in golden:
        np.testing.assert_allclose(ratio(grid), golden["sigmas"], rtol=2e-6, atol=0)
    path = trajectory(case, denoise, grid, file["x_T"], noise)
    np.testing.assert_allclose(path, golden["traj"], rtol=0, atol=5e-5)
    for name, one in (("x0_cond", conditional), ("x0_uncond", unconditional)):
        if name in golden:
            np.testing.assert_allclose(
                jax.jit(jax.vmap(one))(path[:-1], grid.t), golden[name], rtol=0, atol=5e-5
            )
