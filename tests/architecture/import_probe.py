"""Run in a fresh process: imports modules and prints, as JSON, what that changed around them."""

import _thread
import gc
import importlib
import json
import logging
import os
import signal
import sys

from gevent import (
    _hub_local,
    monkey,  # noqa: TID251 - asked, not used
)

WATCHED = ("socket.__new__", "subprocess.Popen", "os.fork", "os.exec")


def surroundings() -> dict[str, object]:
    """Return what an import must leave alone."""
    return {
        "patched modules": sorted(monkey.saved),
        "gevent hub": repr(_hub_local.get_hub_if_exists()),
        "threads": _thread._count(),
        "signal handlers": [repr(signal.getsignal(each)) for each in signal.valid_signals()],
        "logging handlers": repr((logging.root.handlers, logging.getLogger("crowsg").handlers)),
        "garbage collector": repr((gc.get_threshold(), gc.isenabled(), gc.get_freeze_count())),
        "excepthook": repr(sys.excepthook),
        "import path": list(sys.path),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }


def main(names: list[str]) -> None:
    """Import the modules and tell."""
    before = surroundings()
    happened: list[str] = []
    sys.addaudithook(lambda event, _: happened.append(event) if event in WATCHED else None)
    for name in names:
        importlib.import_module(name)
    after = surroundings()
    changed = [
        f"{key}: {before[key]} -> {after[key]}" for key in before if before[key] != after[key]
    ]
    print(json.dumps(sorted(set(happened)) + changed))


if __name__ == "__main__":
    main(sys.argv[1:])
