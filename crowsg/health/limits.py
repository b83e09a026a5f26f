"""How many files, and so sockets, this process may hold open."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SPARE_FILES = 256

RESERVED_FILES = 64
"""What users are not given, however many they ask for: it is for those who look after them."""


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, less the reserve; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # No limit at all is told as a negative number.
    wanted = hard if hard <= 2 * RESERVED_FILES else hard - RESERVED_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        return soft
    return wanted


@contextmanager
def reserved_files() -> Iterator[None]:
    """Let the block open files of the reserve; it must not block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def file_warning(users: int, limit: int) -> str:
    """Say that ``users`` with a socket each may not fit under ``limit``; empty when they do."""
    if limit == resource.RLIM_INFINITY or users + SPARE_FILES <= limit:
        return ""
    return (
        f"{users} users with a socket each need more than the {limit} files this process may "
        "open; raise the hard limit (ulimit -Hn)"
    )
