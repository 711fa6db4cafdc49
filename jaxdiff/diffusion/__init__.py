"""The kernel: pure functions of arrays that know nothing of people. See `jaxdiff.typing` for the nouns."""
