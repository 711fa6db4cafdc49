"""Configs of the text-to-motion study, one word each."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

WORDS = ("tiny", "quick", "motion", "paper", "kit")


def get_config(word: str = "quick") -> ConfigDict:
    """The config of a word.

    `tiny` tries the chain, `quick` trains on simulated motion in minutes, `motion` on simulated and
    CMU motion, free for any use, in an hour of two cores, `paper` and `kit` are HumanML3D and
    KIT-ML.
    """
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    config = ConfigDict()
    config.experiment = "train"  # train | evaluator | sampling | few_steps | constraints | corpora
    config.start = placeholder(
        str
    )  # a model (name, file or run) to measure or distil in place of a new one

    config.data = ConfigDict()
    config.data.name = "humanml3d"  # any data set of jaxdiff.data with captions and motion features
    config.data.size = "quick"  # size of a simulated data set: tiny | quick | full
    config.data.root = placeholder(
        str
    )  # motion packs: their folder; by default $JAXDIFF_SHARED/data
    config.data.manual_dir = placeholder(str)  # gated data sets: where their files lie
    config.data.shortest = 40  # frames: clips are kept if shortest <= frames < longest ...
    config.data.longest = 200
    config.data.length = 196  # ... and cut or padded to this length

    config.model = ConfigDict()
    config.model.size = "full"  # tiny | mini | compact | small | medium | full
    # words: an encoder trained with the model; clip: frozen CLIP features, a trained head
    config.model.text = "clip"
    config.model.clip = placeholder(
        str
    )  # clip: its converted weights (jaxdiff weights convert --from clip)
    config.model.bpe = placeholder(
        str
    )  # clip: its vocabulary, bpe_simple_vocab_16e6.txt.gz or merges.txt
    config.model.text_width = 256  # of the text encoder or head
    config.model.text_layers = 4
    config.model.text_ff = 2048
    config.model.text_heads = 4
    config.model.fields = ConfigDict()  # sizes of the network in place of model.size
    config.model.network = "unet"  # unet | mdm: the transformer of MDM, for converted weights
    config.model.linear_attention = True  # False: softmax attention to the text
    config.model.dropout = 0.1
    config.model.drop_text = 0.1  # share of examples that do not see their text, for the guidance
    config.model.bias = 5.0  # how much louder root motion and contacts are than other features
    config.model.bfloat16 = False  # compute in bfloat16

    config.sampling = ConfigDict()
    config.sampling.steps = 10  # of SDE-DPM-Solver++(2) on Karras levels
    config.sampling.scale = 2.5  # of the guidance; 1: none
    config.sampling.sampler = "sde"  # sde | consistency: that of distilled networks | ddpm: MDM's
    config.sampling.schedule = "linear"  # linear | cosine | scaled_linear, also in training ...
    config.sampling.noise_levels = 1000  # ... and its length
    config.sampling.masked = (
        True  # False: frames beyond the length are denoised too and cropped, as the reference does
    )

    config.batch_size = 64
    config.training = settings.config(steps=50_000, log_every=100, save_every=5000, seed=0)
    config.training.optimizer.learning_rate = 2e-4
    config.training.optimizer.weight_decay = 1e-2
    config.training.optimizer.decay = "exponential"
    config.training.optimizer.decay_rate = 0.9
    config.training.optimizer.decay_steps = 5000
    config.training.optimizer.clip_norm = 1.0
    config.training.ema_decay = 0.9931733  # every 32 steps, as StableMoFusion's comes out
    config.training.ema_every = 32

    config.evaluator = ConfigDict()
    config.evaluator.run = placeholder(
        str
    )  # the evaluator of this earlier run instead of a new one
    config.evaluator.word_width = 300
    config.evaluator.movement = 512
    config.evaluator.motion_hidden = 1024
    config.evaluator.text_hidden = 512
    config.evaluator.embedding = 512
    config.evaluator.margin = 10.0  # of the contrast
    config.evaluator.disorder = 0.0  # weight of a caption's own clip in disorder, as a false pair
    config.evaluator.batch_size = 32
    config.evaluator.training = settings.config(
        steps=200_000, log_every=100, save_every=5000, evaluate_every=5000
    )
    config.evaluator.training.optimizer.learning_rate = 1e-4
    config.evaluator.training.optimizer.clip_norm = 0.5
    config.evaluator.training.ema_decay = 0.99
    config.evaluator.training.score = "validation_loss"  # the best one is kept

    config.distillation = ConfigDict()  # experiment few_steps: a student of one to four evaluations
    config.distillation.levels = 16  # of the teacher's path
    config.distillation.steps = (1, 2, 4)  # of the table
    config.distillation.batch_size = 64
    config.distillation.training = settings.config(steps=5000, log_every=100, save_every=1000)
    config.distillation.training.optimizer.update(
        learning_rate=1e-4, warmup_steps=50, decay="cosine", clip_norm=1.0
    )
    config.distillation.training.ema_decay = 0.995

    config.evaluation = ConfigDict()
    config.evaluation.repetitions = 20
    config.evaluation.pairs = 300  # random pairs of the diversity
    config.evaluation.texts = 100  # of the multimodality ...
    config.evaluation.repeats = 30  # ... and motions of each
    config.evaluation.sampling_steps = (6, 10)  # of the table of steps and guidance ...
    config.evaluation.sampling_scales = (1.0, 1.5, 2.5)  # ... on validation clips
    config.evaluation.constrained = 32  # test clips of the table of constraints
    config.evaluation.examples = 6  # test captions whose motions are animated beside the real ones

    if word == "kit":
        config.data.name = "kit_ml"
        config.data.shortest = 24
    if word in ("tiny", "quick", "motion"):
        config.data.name = "simulated_motion"
        config.data.size = "quick"
        config.data.length = 128
        config.model.text = "words"
        config.model.size = "mini"
        config.model.text_width = 64
        config.model.text_layers = 1
        config.model.text_ff = 128
        config.model.dropout = 0.0  # a training this short needs no regularisation
        config.model.bias = 2.0
        # So small a model exaggerates with every step at little noise, and with guidance.
        config.sampling.steps = 6
        config.sampling.scale = 1.0
        config.batch_size = 16
        config.training.steps = 2000
        config.training.log_every = 100
        config.training.save_every = 500
        config.training.optimizer.learning_rate = 2e-3
        config.training.optimizer.warmup_steps = 100
        config.training.optimizer.decay = "cosine"
        config.training.ema_decay = 0.995
        config.training.ema_every = 1
        config.evaluator.update(
            word_width=64, movement=96, motion_hidden=96, text_hidden=96, embedding=64
        )
        config.evaluator.training.steps = 500
        config.evaluator.training.log_every = 50
        config.evaluator.training.save_every = 100
        config.evaluator.training.evaluate_every = 100
        config.evaluator.training.optimizer.learning_rate = 2e-3
        config.evaluator.training.optimizer.warmup_steps = 50
        config.evaluator.training.optimizer.decay = "cosine"
        config.evaluation.update(repetitions=3, pairs=64, texts=8, repeats=12, examples=4)
        config.distillation.batch_size = 16
        config.distillation.training.update(steps=500, save_every=100, ema_decay=0.99)
        config.distillation.training.optimizer.learning_rate = 5e-4
    if word == "motion":
        config.data.name = "open_motion"
        config.data.shortest = 16
        config.data.length = 96
        config.model.update(size="compact", text_width=64, text_layers=1, text_ff=128)
        config.training.update(steps=4000, log_every=100, save_every=250, ema_decay=0.998)
        config.training.optimizer.learning_rate = 2e-3
        config.evaluator.training.steps = 1000
    if word == "tiny":
        config.model.size = "tiny"
        config.data.length = 64
        config.batch_size = 8
        config.training.steps = config.evaluator.training.steps = 4
        config.evaluator.training.evaluate_every = 2
        config.evaluator.update(
            batch_size=8, word_width=8, movement=8, motion_hidden=8, text_hidden=8, embedding=8
        )
        config.sampling.steps = 2
        config.distillation.update(steps=(1,), batch_size=8, levels=4)
        config.distillation.training.steps = 2
        config.evaluation.update(
            repetitions=2, pairs=16, texts=2, repeats=10, examples=1, constrained=2
        )
        config.evaluation.update(sampling_steps=(2,), sampling_scales=(1.0,))
    config.lock()
    return config
