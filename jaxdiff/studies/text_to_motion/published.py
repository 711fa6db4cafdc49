"""Published weights as models of this library: StableMoFusion's network, and the evaluators of text
to motion.

    stablemofusion   DIR with a checkpoint (latest.tar, *.pt) and meta/mean.npy, meta/std.npy
    mdm              DIR with model*.pt and its args.json, mean.npy and std.npy of HumanML3D (t2m_mean.npy, Mean.npy), and
                     CLIP ViT-B/32 as clip*.safetensors (Hugging Face's model.safetensors) with its
                     merge table
    t2m              DIR with text_mot_match/model/finest.tar, mean.npy and std.npy of the evaluator, and the GloVe
                     vocabulary our_vab_data.npy, our_vab_words.pkl, our_vab_idx.pkl

Files may lie anywhere under the folder, as the archives unpack. Nothing in them is executed:
pickles are read as data (`interop.pickles`). What results is one `model.safetensors` as
`Model.save` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.humanml3d import LAYOUT_21, joint_count, names
from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import FileError
from jaxdiff.interop import convert, read
from jaxdiff.interop.parts import array
from jaxdiff.interop.pickles import read_pickle
from jaxdiff.interop.store import settings as fields_of
from jaxdiff.models.trained import Trained
from jaxdiff.nets import bpe
from jaxdiff.nets.word_text import BYTES, END, PAD, START
from jaxdiff.studies.text_to_motion.config import get_config
from jaxdiff.studies.text_to_motion.preparation import LAYOUTS

SOURCES = ("stablemofusion", "t2m", "mdm")
MODEL_FILE = "model.safetensors"
TOWERS = ("clip*.safetensors", "ViT-B-32*.safetensors", "model.safetensors", "clip*.pt")
MDM_TOKENS = 22
"""MDM cuts a sentence to 20 tokens between a start and an end."""
CHECKPOINTS = ("latest.tar", "finest.tar", "*.tar", "*.pt", "*.pth", "*.safetensors")


def trained(
    source: str,
    folder: str | Path,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    vocabulary: str | Path | None = None,
) -> Trained:
    """The published weights in a folder.

    Args:
      source: one of `SOURCES`.
      folder: the unpacked archive.
      settings: what shapes do not show, by network.
      vocabulary: CLIP's merge table, `bpe_simple_vocab_16e6.txt.gz` or `merges.txt`; looked for in
        the folder by default.

    Raises:
      FileError: If a file is missing or does not fit.
    """
    folder = Path(folder)
    build = {"stablemofusion": stablemofusion, "t2m": t2m, "mdm": mdm}[source]
    return build(folder, settings or {}, vocabulary)


def stablemofusion(
    folder: Path, settings: Mapping[str, Mapping[str, Any]], vocabulary: str | Path | None
) -> Trained:
    """StableMoFusion's network with the text tower its checkpoint holds."""
    checkpoint = _one(folder, *CHECKPOINTS)
    networks = convert("stablemofusion", checkpoint, settings)
    for name in ("unet", "text_head", "clip_text"):
        if name not in networks.networks:
            raise FileError(
                f"{checkpoint} holds no {name}; a run of StableMoFusion saves it with the model"
            )
    normaliser = _normaliser(folder)
    table = Path(vocabulary) if vocabulary else _merges(folder)
    merges = [" ".join(pair) for pair in bpe.read(table).rank]
    unet, head = (fields_of(networks[name].network) for name in ("unet", "text_head"))
    kit = LAYOUTS[joint_count(normaliser.offset)] is LAYOUT_21  # type: ignore[arg-type]
    config = get_config("kit" if kit else "paper").unlock()
    config.model.update(
        text="clip", linear_attention=unet.pop("linear"), dropout=unet.pop("dropout")
    )
    config.model.update(
        text_width=head["width"],
        text_layers=head["layers"],
        text_ff=head["ff"],
        text_heads=head["heads"],
    )
    unet.pop("features")
    config.model.fields = {
        name: list(value) if isinstance(value, tuple) else value for name, value in unet.items()
    }
    config.sampling.masked = False
    metadata = {
        "method": "text_to_motion",
        "arm": "model",
        "config": config.to_dict(),
        "normaliser": normaliser.state(),
        "words": [],
        "rate": LAYOUT_21.fps if kit else 20.0,
        "variant": "legacy",
        "merges": merges,
        "clip": fields_of(networks["clip_text"].network),
        "card": {"data": "KIT-ML" if kit else "HumanML3D", "source": "StableMoFusion, converted"},
    }
    params = {
        "text": networks["text_head"].params,
        "unet": networks["unet"].params,
        "clip": networks["clip_text"].params,
    }
    return Trained("text_to_motion", jax.tree.map(np.asarray, params), metadata)


def mdm(
    folder: Path, settings: Mapping[str, Mapping[str, Any]], vocabulary: str | Path | None
) -> Trained:
    """MDM's transformer with CLIP's text tower and projection, sampled by the reference's DDPM."""
    checkpoint, tower_file = _one(folder, "model*.pt"), _one(folder, *TOWERS)
    own = {name: value for name, value in settings.items() if name != "clip_text"}
    network = convert("mdm", checkpoint, own)["mdm"]
    rest = {name: value for name, value in settings.items() if name == "clip_text"}
    tower = convert("clip", tower_file, rest)["clip_text"]
    table = Path(vocabulary) if vocabulary else _merges(folder)
    normaliser, fields = _normaliser(folder), fields_of(network.network)
    arguments = _json(_one(folder, "args.json"))
    levels = int(arguments.get("diffusion_steps", 1000))
    if arguments.get("arch", "trans_enc") != "trans_enc":
        raise FileError(f"{checkpoint}: only arch=trans_enc is known; this is {arguments['arch']}")
    config = get_config("paper").unlock()
    fields.pop("features")
    config.model.update(text="clip", network="mdm", dropout=fields.pop("dropout"), fields=fields)
    config.sampling.update(
        masked=False,
        sampler="ddpm",
        steps=levels,
        noise_levels=levels,
        schedule=str(arguments.get("noise_schedule", "cosine")),
    )
    metadata = {
        "method": "text_to_motion",
        "arm": "model",
        "config": config.to_dict(),
        "normaliser": normaliser.state(),
        "words": [],
        "rate": 20.0,
        "variant": "legacy",
        "merges": [" ".join(pair) for pair in bpe.read(table).rank],
        "clip": fields_of(tower.network),
        "pooled": fields["text_width"],
        "card": {"data": "HumanML3D", "source": "MDM, converted"},
    }
    params = {
        "text": {},
        "unet": network.params,
        "clip": tower.params,
        "projection": {"kernel": projection(tower_file)},
    }
    return Trained("text_to_motion", jax.tree.map(np.asarray, params), metadata)


def projection(path: Path) -> np.ndarray:
    """CLIP's projection of a pooled text feature `(width, embedding)`, of Hugging Face's or
    OpenAI's file.
    """
    tree = read(path)
    if "text_projection.weight" in tree:
        return np.asarray(array(tree["text_projection.weight"]), np.float32).T
    if "text_projection" in tree:
        return np.asarray(array(tree["text_projection"]), np.float32)
    raise FileError(f"{path} holds no text_projection: MDM reads CLIP's projected feature")


def t2m(
    folder: Path, settings: Mapping[str, Mapping[str, Any]], vocabulary: str | Path | None = None
) -> Trained:
    """The evaluators of text to motion (Guo et al. 2022) with their own normaliser and word
    vectors.
    """
    checkpoint = _one(folder, *CHECKPOINTS)
    networks = convert("t2m", checkpoint, settings)
    movement, motion, text = (
        fields_of(networks[n].network) for n in ("movement", "motion", "text")
    )
    words, vectors = glove(folder)
    normaliser = _normaliser(folder)
    speech, width = (networks["text"].inputs[i].shape[-1] for i in (1, 0))
    if vectors.shape[1] != width:
        raise FileError(
            f"{folder}: word vectors of {vectors.shape[1]} numbers, the text encoder reads {width}"
        )
    sizes = {
        "word_width": width,
        "movement": movement["latent"],
        "movement_hidden": movement["hidden"],
        "motion_hidden": motion["hidden"],
        "text_hidden": text["hidden"],
        "embedding": text["embedding"],
    }
    params = {name: networks[name].params for name in ("movement", "motion", "text")}
    params["words"] = {"params": {"embedding": vectors}}
    metadata = {
        "method": "evaluator",
        "arm": "evaluator",
        "sizes": sizes,
        "speech": speech,
        "normaliser": normaliser.state(),
        "words": words,
        "variant": "legacy",
    }
    return Trained("text_to_motion", jax.tree.map(np.asarray, params), metadata)


def glove(folder: Path) -> tuple[list[str], np.ndarray]:
    """The words of the reference's GloVe vocabulary, and their vectors under the ids of
    `nets.word_text.Vocabulary`.

    The reference's `unk`, `sos` and `eos` are padding, start and end; bytes have no vectors.
    """
    table = _array(_one(folder, "our_vab_data.npy"))
    words = _pickled(_one(folder, "our_vab_words.pkl"))
    index = _pickled(_one(folder, "our_vab_idx.pkl"))
    if not isinstance(index, Mapping) or any(word not in index for word in words):
        raise FileError(f"{folder}: our_vab_idx.pkl does not number the words of our_vab_words.pkl")
    special = {"unk": PAD, "sos": START, "eos": END}
    for word in special:
        if word not in index:
            raise FileError(f"{folder}: the vocabulary has no word {word!r}")
    plain = [str(word) for word in words if word not in special]
    vectors = np.zeros((BYTES + 256 + len(plain), table.shape[1]), np.float32)
    for word, place in special.items():
        vectors[place] = table[int(index[word])]
    vectors[BYTES + 256 :] = table[[int(index[word]) for word in plain]]
    return plain, vectors


def reader(metadata: Mapping[str, Any], params: Any):
    """Captions to the features of the frozen text tower that came with the weights: of every token,
    or MDM's pooled one.
    """
    from jaxdiff.nets.clip_text import ClipText, pooled

    tower, tokenizer = ClipText(**metadata["clip"]), bpe.Tokenizer(list(metadata["merges"]))
    length = int(metadata["clip"]["length"])

    def encode(ids: Any) -> Any:
        found: Any = tower.apply(params["clip"], ids)
        if "projection" not in params:
            return found
        return (pooled(found, ids) @ params["projection"]["kernel"])[:, None]

    if "projection" in params:
        length = min(length, MDM_TOKENS)
    encode = jax.jit(encode)

    def features(captions: Any) -> np.ndarray:
        ids = tokenizer.batch(list(captions), length)
        size = 64
        parts = [ids[i : i + size] for i in range(0, len(ids), size)]
        whole = [
            np.asarray(encode(jnp.asarray(np.resize(p, (size, length)))))[: len(p)] for p in parts
        ]
        return np.concatenate(whole)

    return features


def _one(folder: Path, *patterns: str) -> Path:
    for pattern in patterns:
        found = sorted(folder.rglob(pattern))
        if found:
            return found[0]
    raise FileError(f"{folder} holds no {' or '.join(patterns)}")


def _merges(folder: Path) -> Path:
    for name in ("bpe_simple_vocab_16e6.txt.gz", "merges.txt"):
        if found := sorted(folder.rglob(name)):
            return found[0]
    raise FileError(
        f"{folder} holds no merge table of CLIP: put bpe_simple_vocab_16e6.txt.gz (openai/CLIP,"
        " clip/) there, or name it with --vocabulary"
    )


def _normaliser(folder: Path) -> Normaliser:
    """The normaliser of meta/mean.npy and meta/std.npy."""
    mean, deviation = (
        _array(_one(folder, f"meta/{n}.npy", f"{n}.npy", f"t2m_{n}.npy", f"{n.title()}.npy"))
        for n in ("mean", "std")
    )
    if mean.shape != deviation.shape or mean.ndim != 1:
        raise FileError(
            f"{folder}: mean.npy and std.npy have shapes {mean.shape} and {deviation.shape}"
        )
    joints = joint_count(mean)
    if joints not in LAYOUTS:
        raise FileError(
            f"{folder}: mean.npy is of {len(mean)} features; HumanML3D has 263, KIT-ML 251"
        )
    channels = names(LAYOUTS[joints])
    return Normaliser("zscore", mean, deviation, channels, ("1",) * len(channels))


def _array(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError) as error:
        raise FileError(f"{path} is not a NumPy array: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FileError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise FileError(f"{path} should hold names and values")
    return found


def _pickled(path: Path) -> Any:
    with path.open("rb") as file:
        return read_pickle(file, str(path))
