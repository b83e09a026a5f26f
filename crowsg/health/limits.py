"""How many files, and so sockets, this process may hold open."""

import resource

SPARE_FILES = 256


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft
    return hard


def file_warning(users: int, limit: int) -> str:
    """Say that ``users`` with a socket each may not fit under ``limit``; empty when they do."""
    if limit == resource.RLIM_INFINITY or users + SPARE_FILES <= limit:
        return ""
    return (
        f"{users} users with a socket each need more than the {limit} files this process may "
        "open; raise the hard limit (ulimit -Hn)"
    )
