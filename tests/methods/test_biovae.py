"""BioVAE: where it starts from, what its losses depend on, and what an edited acceleration does."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body.humanml3d import slices
from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.methods.biovae import _given, biovae, start
from jaxdiff.methods.biovae_networks import Backbone, Settings, denoiser, stated
from jaxdiff.methods.motion_scale import Scale, fit_acceleration
from jaxdiff.methods.muscle_encoder import Settings as EncoderSettings
from jaxdiff.methods.muscle_encoder import muscle_encoder
from jaxdiff.methods.text_to_motion import text_to_motion

JOINTS, FRAMES = 3, 16
FEATURES = 12 * JOINTS - 1
SETTINGS = Settings(
    Backbone("tiny", 20, 16, 1, 16, frames=FRAMES, steps=2),
    width=8,
    blocks=1,
    kernel_size=5,
    groups=4,
    heads=2,
)
RNG = np.random.default_rng(0)
SCALE = Scale(
    RNG.normal(size=FEATURES).astype(np.float32), np.full(FEATURES, 0.1, np.float32), 20.0, 3.0
)
BATCH = {
    "motion": RNG.normal(size=(2, FRAMES, FEATURES)).astype(np.float32),
    "length": np.array([FRAMES, 9], np.int32),
    "text": RNG.integers(1, 20, (2, 5)),
}
CONDITION = {name: BATCH[name] for name in ("length", "text")}
KEYS = jax.random.split(jax.random.key(3), 2)
METHOD = biovae(SETTINGS, SCALE)


def moved(params):
    """The zeros of fresh networks hide what follows them."""
    rng = np.random.default_rng(5)
    return jax.tree.map(lambda a: a + 0.05 * rng.normal(size=a.shape).astype(np.float32), params)


@pytest.fixture(scope="module")
def fresh():
    return jax.jit(METHOD.init)(jax.random.key(1), BATCH)


@pytest.fixture(scope="module")
def trained(fresh):
    return moved(fresh)


def test_joint_training_starts_where_the_backbone_and_the_encoder_ended(fresh):
    backbone = text_to_motion(SETTINGS.backbone)
    pretrained = moved({name: fresh[name] for name in ("text", "unet")})
    muscles = muscle_encoder(EncoderSettings(width=8, blocks=1, groups=4))
    encoder = jax.jit(muscles.init)(jax.random.key(4), {"motion": BATCH["motion"]})
    params = start(fresh, pretrained, encoder)
    ours = jax.jit(METHOD.generate)(params, KEYS, CONDITION)
    np.testing.assert_allclose(
        ours, jax.jit(backbone.generate)(pretrained, KEYS, CONDITION), atol=2e-5
    )
    assert np.abs(ours).max() > 0.1 and not ours[1, 9:].any()
    _, u = jax.jit(lambda p: stated(SETTINGS, p, SCALE, jnp.asarray(BATCH["motion"])))(params)
    u_before = jax.jit(muscles.generate)(encoder, KEYS, {**BATCH, "length": np.full(2, FRAMES)})
    np.testing.assert_allclose(u, u_before, atol=1e-6)
    plain = biovae(SETTINGS._replace(mechanics=False, accel=0.0), SCALE)
    one, other = (
        jax.jit(lambda p, method=method: method.loss(p, BATCH, KEYS, lambda z: z, {})[0])
        for method in (plain, backbone)
    )
    np.testing.assert_allclose(one(pretrained), other(pretrained), rtol=1e-5)


def test_what_has_no_place_or_another_size_is_refused(fresh):
    with pytest.raises(CheckpointError, match="no place"):
        start({name: fresh[name] for name in ("text", "unet")}, encoder=fresh["encoder"])
    with pytest.raises(CheckpointError, match="another size"):
        start(fresh, encoder=jax.tree.map(lambda a: jnp.concatenate([a, a]), fresh["encoder"]))


def test_an_acceleration_of_scale_one_changes_nothing_and_other_scales_change_the_motion(trained):
    generate = jax.jit(METHOD.generate)
    plain = generate(trained, KEYS, CONDITION)

    def edited(factor):
        return generate(
            trained, KEYS, {**CONDITION, "acceleration": jnp.asarray(factor, jnp.float32)}
        )

    ones = np.ones((2, JOINTS))
    np.testing.assert_array_equal(edited(ones), plain)
    for factor in (2 * ones, ones * [1, 1, 3]):
        assert np.abs(edited(factor) - plain).max() > 1e-3
    assert np.abs(edited(ones * [[1], [2]])[0] - plain[0]).max() < 1e-6  # each by its own factor


def test_the_losses_are_apart_and_end_with_the_motion(trained):
    @jax.jit
    def loss(batch, weights):
        return METHOD.loss(trained, batch, KEYS, lambda z: z, weights)

    ones = {"accel": jnp.float32(1), "phys": jnp.float32(1)}
    batch = {**BATCH, "estimate": BATCH["motion"]}
    total, parts = loss(batch, ones)
    np.testing.assert_allclose(
        total, parts["diffusion"] + parts["accel"] + parts["phys"], rtol=1e-5
    )
    assert abs(float(parts["accel"] - parts["phys"])) > 1e-3
    beyond = (
        BATCH["motion"] + np.where(np.arange(FRAMES) < BATCH["length"][:, None], 0, 7.0)[..., None]
    )
    beyond = beyond.astype(np.float32)
    np.testing.assert_allclose(
        loss({**batch, "motion": beyond, "estimate": beyond}, ones)[0], total, rtol=1e-5
    )
    other, _ = loss({**batch, "estimate": BATCH["motion"] + np.float32(0.5)}, ones)
    assert abs(float(other - total)) > 1e-3  # the estimate is what is seen
    without, _ = loss(batch, {name: 0 * one for name, one in ones.items()})
    np.testing.assert_allclose(without, parts["diffusion"], rtol=1e-6)


@cache
def parts_of(settings):
    """The parts of the loss, compiled once for each settings."""
    method = biovae(settings, SCALE)
    return jax.jit(lambda params, batch: method.loss(params, batch, KEYS, lambda z: z, {})[1])


def diffusion(settings, params, over=0.0):
    batch = {**BATCH, "progress": np.full(2, over, np.float32)}
    return float(parts_of(settings)(params, batch)["diffusion"])


def test_the_true_acceleration_is_given_with_the_error_of_the_stated_one_and_ever_less(trained):
    # A decoder with an effect: at random it hardly moves the motion.
    trained = {**trained, "decoder": jax.tree.map(lambda a: 3 * a, trained["decoder"])}
    plain = diffusion(SETTINGS._replace(given=0.0), trained)
    given = SETTINGS._replace(given=1.0)
    assert abs(diffusion(given, trained) - plain) > 1e-4
    np.testing.assert_allclose(diffusion(given, trained, over=1.0), plain, rtol=1e-5)
    constant = given._replace(falling=False)
    np.testing.assert_allclose(
        diffusion(constant, trained, over=1.0), diffusion(given, trained), rtol=1e-5
    )
    np.testing.assert_allclose(diffusion(given._replace(phys=0.0), trained), plain, rtol=1e-5)


def test_what_is_given_is_the_truth_where_nothing_is_stated_wrong():
    truth = jax.random.normal(jax.random.key(0), (FRAMES - 2, JOINTS, 3))
    stated_ = jnp.pad(truth, ((1, 1), (0, 0), (0, 0)))
    mask = jnp.arange(FRAMES) < 12
    np.testing.assert_array_equal(_given(stated_, truth, mask, KEYS[0]), stated_)
    wrong = stated_ + 0.3
    error = _given(wrong, truth, mask, KEYS[0])[1:-1] - truth
    inside = np.abs(np.asarray(error))[:10]
    assert ((np.abs(inside - 0.3) < 1e-5) | (inside < 1e-5)).all() and inside.max() > 0.2


@pytest.mark.parametrize(
    ("decoder", "axes"), [("correct", "heading"), ("condition", "bone"), ("printed", "heading")]
)
def test_every_decoder_starts_at_the_backbone_and_learns_from_the_acceleration(decoder, axes):
    own = SETTINGS._replace(decoder=decoder, axes=axes, apart=True)
    method = biovae(own, SCALE)
    params = jax.jit(method.init)(jax.random.key(1), BATCH)
    params = {**params, "unet": moved(params["unet"])}
    x, mask = jnp.asarray(BATCH["motion"]), np.arange(FRAMES) < BATCH["length"][:, None]

    def predicted(params, **options):
        return denoiser(own, params, SCALE, None, mask, **options)(x, jnp.float32(30))

    @jax.jit
    def three(params):
        return (
            predicted(params, mechanics=False),
            predicted(params),
            predicted(params, factor=2 * jnp.ones((2, JOINTS))),
        )

    backbone, whole, _ = three(params)
    np.testing.assert_allclose(whole, backbone, atol=1e-5)
    _, plain, scaled = three({**params, "decoder": moved(params["decoder"])})
    assert np.isfinite(plain).all() and np.abs(plain - scaled).max() > 1e-4


def test_an_unknown_decoder_is_refused():
    with pytest.raises(ConfigError, match="condition"):
        biovae(SETTINGS._replace(decoder="conditon"), SCALE)


def test_the_losses_do_not_depend_on_where_a_clip_begins_or_which_way_it_faces():
    """Features carry no heading; accelerations of their own axes do not either."""
    motion = BATCH["motion"][:1]
    whole = SCALE.accelerations(jnp.asarray(motion[0]))
    later = SCALE.accelerations(jnp.asarray(motion[0, 5:]))
    np.testing.assert_allclose(later, whole[5:], atol=1e-3 * float(np.abs(whole).max()))
    turned = motion.copy()
    turned[0, 0, slices(JOINTS)["turn"]] += 3.0  # frame 0 turns: all later frames face another way
    moved_ = SCALE.accelerations(jnp.asarray(turned[0]))
    np.testing.assert_allclose(moved_[2:], whole[2:], atol=1e-3 * float(np.abs(whole).max()))


@pytest.mark.parametrize(("size", "width"), [("mini", 32), ("compact", 32), ("small", 48)])
def test_the_branch_costs_at_most_a_quarter_of_its_backbone(size, width):
    own = Settings(Backbone(size, 40, 32, 1, 32, frames=64), width=width)
    scale = Scale(np.zeros(263, np.float32), np.ones(263, np.float32), 20.0)
    shape = {"motion": (1, 64, 263), "length": (1,), "text": (1, 8)}
    batch = {
        name: jax.ShapeDtypeStruct(s, np.float32 if name == "motion" else np.int32)
        for name, s in shape.items()
    }
    params = jax.eval_shape(biovae(own, scale).init, jax.random.key(0), batch)

    def operations(mechanics):
        def run(params, x):
            return denoiser(own, params, scale, None, mechanics=mechanics)(x, jnp.float32(3))

        return jax.jit(run).lower(params, batch["motion"]).cost_analysis()["flops"]

    whole, backbone = operations(True), operations(False)
    assert 0 < whole - backbone <= 0.25 * backbone, (whole, backbone)


def test_the_denoiser_without_mechanics_is_the_backbone_and_without_text_hears_none(trained):
    x, mask = jnp.asarray(BATCH["motion"]), np.arange(FRAMES) < BATCH["length"][:, None]

    @jax.jit
    def answers(params):
        options = {
            "whole": {},
            "backbone": {"mechanics": False},
            "silenced": {"text": BATCH["text"], "guidance": 0.0},
        }
        every = {name: {"text": None, "mask": mask, **option} for name, option in options.items()}
        return {
            name: denoiser(SETTINGS, params, SCALE, **option)(x, jnp.float32(30))
            for name, option in every.items()
        }

    said = answers(trained)
    assert np.abs(said["whole"] - said["backbone"]).max() > 1e-3
    np.testing.assert_allclose(said["silenced"], said["whole"], atol=1e-5)


def test_a_refiner_is_the_mechanics_alone():
    method = biovae(SETTINGS._replace(generates=False, levels=3), SCALE)
    params = jax.eval_shape(method.init, jax.random.key(0), BATCH)
    assert set(params) == {"encoder", "mechanics"}
    _, parts = jax.eval_shape(lambda p: method.loss(p, BATCH, KEYS, lambda z: z, {}), params)
    assert set(parts) == {"phys", "kl"}


def test_the_scale_of_accelerations_is_that_of_a_known_swing():
    time = np.arange(400) / 100
    swing = np.zeros((400, 23), np.float32)
    swing[:, 4] = 0.1 * np.sin(2 * np.pi * time)  # joint 1, along x
    swing[:, 0] = 0.02  # while the heading turns
    scale = fit_acceleration([swing, swing[:30]], 100.0)
    assert scale.shape == (2, 3) and (scale[0] < 0.02).all() and scale[1, 1] < 0.02
    still = fit_acceleration([np.where(np.arange(23) == 0, 0, swing)], 100.0)
    np.testing.assert_allclose(still[1, 0], 0.1 * (2 * np.pi) ** 2 / 2**0.5, rtol=0.01)
