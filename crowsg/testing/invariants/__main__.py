"""``python -m crowsg.testing.invariants DIR``: what did not hold in a run, a line each."""

import argparse
import sys
from pathlib import Path

from crowsg.errors import EXIT_INTERNAL, EXIT_OK, EXIT_USAGE, CrowsgError
from crowsg.testing.invariants import CHECKS, Evidence, check, unjudged


def main(arguments: list[str] | None = None) -> int:
    """Judge a folder; returns the exit code: 0 where all held, 1 where not, 2 for no run.

    Args:
        arguments: Those of the command line; None for the program's own.
    """
    parser = argparse.ArgumentParser(prog="python -m crowsg.testing.invariants")
    parser.add_argument("folder", type=Path, help="journals, the oracle's file, results")
    try:
        evidence = Evidence.read(parser.parse_args(arguments).folder)
    except CrowsgError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    violations = check(evidence)
    for violation in violations:
        print(violation)
    broken = {violation.invariant for violation in violations}
    unseen = [number for number in unjudged(evidence) if number not in broken]
    if unseen:
        print(f"not judged, as nothing was seen of them: {', '.join(unseen)}")
    held, journals = len(CHECKS) - len(broken) - len(unseen), len(evidence.lives)
    print(
        f"{held} of {len(CHECKS)} invariants held: {journals} journals, {len(evidence.hits)} hits"
    )
    return EXIT_INTERNAL if violations else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - a command line ends its process
