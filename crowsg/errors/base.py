"""The root of all errors, and the exit codes."""

from typing import ClassVar

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_SCENARIO_FAILED = 3
EXIT_NODES = 4
EXIT_STUCK = 5
EXIT_ABORTED = 97
EXIT_SATURATED = 98


class CrowsgError(Exception):
    """The root: everything crowsg raises on purpose is one of these."""

    reason: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_USAGE

    def ends_with(self) -> int:
        """Return the exit code of a command that dies of this."""
        return self.exit_code
