"""MDM's state dict at a tiny size, and its equations on PyTorch's names in NumPy: an oracle that
shares no code with ours.
"""

import math

import numpy as np

RNG = np.random.default_rng(0)
WIDTH, LAYERS, HEADS, FF, TEXT = 16, 2, 4, 24, 8


def table(length, width=WIDTH):
    """The reference's PositionalEncoding."""
    position = np.arange(length)[:, None]
    rate = np.exp(np.arange(0, width, 2) * (-math.log(10000.0) / width))
    pe = np.zeros((length, width))
    pe[:, 0::2], pe[:, 1::2] = np.sin(position * rate), np.cos(position * rate)
    return pe


def state(features=263):
    """Random parameters under the names of `model000475000.pt`."""

    def linear(name, out, inner):
        return {
            f"{name}.weight": (RNG.normal(size=(out, inner)) / np.sqrt(inner)).astype(np.float32),
            f"{name}.bias": (0.1 * RNG.normal(size=out)).astype(np.float32),
        }

    pe = table(5000)[:, None].astype(np.float32)
    found = {"sequence_pos_encoder.pe": pe, "embed_timestep.sequence_pos_encoder.pe": pe}
    found |= linear("input_process.poseEmbedding", WIDTH, features)
    for i in range(LAYERS):
        layer = f"seqTransEncoder.layers.{i}"
        fused = linear("x", 3 * WIDTH, WIDTH)
        found[f"{layer}.self_attn.in_proj_weight"] = fused["x.weight"]
        found[f"{layer}.self_attn.in_proj_bias"] = fused["x.bias"]
        found |= linear(f"{layer}.self_attn.out_proj", WIDTH, WIDTH)
        found |= linear(f"{layer}.linear1", FF, WIDTH) | linear(f"{layer}.linear2", WIDTH, FF)
        for n in (1, 2):
            found[f"{layer}.norm{n}.weight"] = 1 + 0.1 * RNG.normal(size=WIDTH).astype(np.float32)
            found[f"{layer}.norm{n}.bias"] = 0.1 * RNG.normal(size=WIDTH).astype(np.float32)
    found |= linear("embed_timestep.time_embed.0", WIDTH, WIDTH)
    found |= linear("embed_timestep.time_embed.2", WIDTH, WIDTH)
    found |= linear("embed_text", WIDTH, TEXT)
    return found | linear("output_process.poseFinal", features, WIDTH)


def forward(w, x, t, text):
    """The network on one motion `(T, features)`; text `(TEXT,)`, zeros for none."""

    def linear(name, h):
        return h @ w[f"{name}.weight"].T.astype(np.float64) + w[f"{name}.bias"]

    def norm(name, h):
        h = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
        return h * w[f"{name}.weight"] + w[f"{name}.bias"]

    time = linear("embed_timestep.time_embed.0", table(5000)[t])
    emb = linear("embed_timestep.time_embed.2", time / (1 + np.exp(-time)))
    emb = emb + linear("embed_text", text)
    h = np.concatenate([emb[None], linear("input_process.poseEmbedding", x)])
    h = h + table(len(h))
    for i in range(LAYERS):
        layer = f"seqTransEncoder.layers.{i}"
        fused = h @ w[f"{layer}.self_attn.in_proj_weight"].T + w[f"{layer}.self_attn.in_proj_bias"]
        q, k, v = (a.reshape(len(h), HEADS, -1) for a in np.split(fused, 3, -1))
        score = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(WIDTH / HEADS)
        weight = np.exp(score - score.max(-1, keepdims=True))
        weight /= weight.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", weight, v).reshape(len(h), WIDTH)
        h = norm(f"{layer}.norm1", h + linear(f"{layer}.self_attn.out_proj", mixed))
        inner = linear(f"{layer}.linear1", h)
        inner = 0.5 * inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        h = norm(f"{layer}.norm2", h + linear(f"{layer}.linear2", inner))
    return linear("output_process.poseFinal", h[1:])
