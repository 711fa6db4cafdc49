"""Movement data: `load(name)` gives the trials of a data set, `names()` says which there are.

trials = load("simulated_gait")                                      # catalogue: prepared once, kept on disk
split = next(splits.leave_one_subject_out(trials))                   # no subject in two sets
scale = normalise.fit(split.train, "minmax")                         # training subjects only
windows = cut(normalise.apply(scale, split.train), "angles", "grf")  # or pairs.balanced, text.captioned
batches = pipeline.Batches(windows, batch_size=64)                   # endless, shuffled, restored exactly
"""

from jaxdiff.data.catalogue import load, names

__all__ = ["load", "names"]
