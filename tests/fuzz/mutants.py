"""Damaged copies of a file: mutant `i` of a seed is a pure function of the seed and `i`."""

import re

import numpy as np

NUMBERS = (
    *(b"100000000", b"-1", b"0", b"nan", b"1e999", b"1e-320", b"", b"x", b"9" * 30, b"1_0"),
    *(
        b"65535",
        b"2147483648",
        b"-9223372036854775808",
        b"0.0000001",
        b"1e8",
        b"inf",
        b"\xef\xbc\x91",
    ),
)


def mutant(files: list[bytes], seed: int, number: int) -> bytes:
    """One damaged file.

    Args:
        files: Sound files of the format; one is damaged, others may lend a piece.
        seed: Seed of the whole run.
        number: Number of the mutant.

    Returns:
        Its bytes.
    """
    random = np.random.default_rng([seed, number])
    content = files[number % len(files)]
    for _ in range(int(random.integers(1, 4))):
        content = _KINDS[int(random.integers(len(_KINDS)))](content, random, files)
    return content[: 4 * max(map(len, files)) + 100_000]


def _place(content, random):
    return int(random.integers(0, len(content) + 1))


def _cut(content, random, files):
    return content[: _place(content, random)]


def _flip(content, random, files):
    damaged = bytearray(content)
    for _ in range(int(random.integers(1, 8)) if damaged else 0):
        damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
    return bytes(damaged)


def _head(content, random, files):
    reach = min(len(content), int(random.choice([16, 80, 700, 2000])))
    return _flip(content[:reach], random, files) + content[reach:]


def _remove(content, random, files):
    i = _place(content, random)
    return content[:i] + content[i + int(random.integers(1, 200)) :]


def _insert(content, random, files):
    i = _place(content, random)
    piece = bytes([int(random.integers(256))]) * int(random.choice([1, 4, 60, 5000]))
    return content[:i] + piece + content[i:]


def _splice(content, random, files):
    other = files[int(random.integers(len(files)))]
    i, j = _place(content, random), _place(other, random)
    return content[:i] + other[j : j + int(random.integers(1, 600))] + content[i:]


def _repeat(content, random, files):
    i = _place(content, random)
    piece = content[i : i + int(random.integers(1, 300))]
    return content[:i] + piece * int(random.choice([2, 10, 300])) + content[i:]


def _lines(content, random, files):
    lines = content.split(b"\n")
    n = int(random.integers(len(lines)))
    how = int(random.integers(4))
    if how == 0:
        return b"\n".join(lines[:n] + lines[n + 1 :])
    if how == 1:
        return b"\n".join(lines[: n + 1] * int(random.integers(1, 3)) + lines[n:])
    if how == 2:
        m = int(random.integers(len(lines)))
        lines[n], lines[m] = lines[m], lines[n]
        return b"\n".join(lines)
    lines[n] = lines[n].replace(b" ", b" " * 400).replace(b"\t", b"\t" * 20)
    return b"\n".join(lines)


def _number(content, random, files):
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", content[:200_000]))
    if not found:
        return content
    spot = found[int(random.integers(min(len(found), int(random.choice([20, 100000])))))]
    return (
        content[: spot.start()]
        + NUMBERS[int(random.integers(len(NUMBERS)))]
        + content[spot.end() :]
    )


def _word(content, random, files):
    """A binary number of 1, 2, 4 or 8 bytes with an extreme value."""
    width = int(random.choice([1, 2, 4, 8]))
    if len(content) < width:
        return content
    i = int(random.integers(min(len(content) - width + 1, int(random.choice([700, 10**9])))))
    values = (
        b"\xff" * width,
        b"\0" * width,
        b"\xff" * (width - 1) + b"\x7f",
        b"\0" * (width - 1) + b"\x40",
    )
    return content[:i] + values[int(random.integers(4))] + content[i + width :]


def _nest(content, random, files):
    i = _place(content, random)
    opening, closing = [(b"[", b"]"), (b"{", b"}"), (b"(", b")"), (b'{"a":', b"}")][
        int(random.integers(4))
    ]
    depth = int(random.choice([30, 3000, 60000]))
    return content[:i] + opening * depth + closing * depth + content[i:]


_KINDS = (_cut, _flip, _head, _remove, _insert, _splice, _repeat, _lines, _number, _word, _nest)
