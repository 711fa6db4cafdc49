"""Train a study: simulated or real data in, a run directory with a report out.

STUDY is a paper, WORD one of its configs (default: quick, or the first where
there is no quick). Fields of the config are changed with --set. A run that
exists is continued; Ctrl-C saves. Without arguments the studies and words are
listed.

example:
  jaxdiff train llma:quick
  jaxdiff train llma:table1 --set data.size=quick --out runs/mine
  jaxdiff train speed_transfer:table1 --set experiment=evaluate --out runs/mine
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError, nearest


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("study", metavar="STUDY[:WORD]", nargs="?", help="study and config")
    add(
        "--set",
        dest="settings",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="set a field of the config, such as model.size=small; may be repeated",
    )
    add("--out", type=Path, metavar="DIR", help="directory of the run (default: runs/STUDY-WORD)")
    add("--show", action="store_true", help="print the config and stop")
    add("--cache", metavar="DIR", help="directory of compiled programs; '' for none")
    add("--coordinator", metavar="HOST:PORT", help="process 0, for several hosts")
    add("--num-processes", type=int, metavar="N", help="number of processes, for several hosts")
    add("--process-id", type=int, metavar="N", help="number of this process, for several hosts")


def run(options: argparse.Namespace) -> None:
    from jaxdiff.studies.study import STUDIES
    from jaxdiff.training import launch

    if not options.study:
        for name in STUDIES:
            print(f"{name}: {', '.join(STUDIES[name].words)}")
        print("\njaxdiff train STUDY:WORD trains one; jaxdiff train --help shows the options")
        return
    name, _, word = options.study.partition(":")
    study = STUDIES[name]
    word = word or ("quick" if "quick" in study.words else study.words[0])
    config = study.get_config(word)
    for setting in options.settings:
        set_field(config, setting)
    if options.show:
        print(config)
        return
    out = options.out or Path("runs") / f"{name}-{word}"
    if out.exists() and not out.is_dir():
        raise ConfigError(f"cannot write {out}: it is a file")
    cache = launch.CACHE if options.cache is None else options.cache
    many = options.coordinator, options.num_processes, options.process_id
    try:
        launch.start(study.run, config, out, cache, *many)
    except SystemExit:  # the engine has saved and ends the process; to a shell this is Ctrl-C
        raise KeyboardInterrupt from None


def set_field(config: Any, setting: str) -> None:
    """Apply `a.b=value` to a config, the value read as the type that the field has.

    Raises:
        ConfigError: If there is no such field, or the value is not of its type.
    """
    path, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set takes FIELD=VALUE, such as model.size=small, not {setting!r}")
    node, names = config, path.split(".")
    for depth, name in enumerate(names):
        if not hasattr(node, "keys") or name not in node:
            known = [
                f"{'.'.join([*names[:depth], each])}" for each in getattr(node, "keys", list)()
            ]
            raise ConfigError(f"the config has no field {path!r}; {nearest(path, known)}")
        if depth < len(names) - 1:
            node = node[name]
    kind = node.get_type(names[-1])
    if hasattr(node[names[-1]], "keys"):
        raise ConfigError(f"{path} is a group of fields: {', '.join(node[names[-1]].keys())}")
    try:
        word = kind is str and node[names[-1]] is not None  # such as model.start=none
        node[names[-1]] = text if word else _value(text, kind)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} takes {kind.__name__}, not {text!r}") from error


def _value(text: str, kind: type) -> Any:
    """A text as a bool, int, float, str or tuple."""
    if text == "none":
        return None
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind in (tuple, list):
        return kind(_item(part.strip()) for part in text.strip("()[]").split(",") if part.strip())
    return kind(text)


def _item(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")
