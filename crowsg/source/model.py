"""What is known of a module that was read but not imported: plain values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["scenario", "helper", "ordinary"]

CALLBACKS = ("init", "start", "terminate", "setup", "teardown")
"""Every function that crowsg calls in a scenario, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Expression:
    """The text of a value that only an import could compute."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class DeclaredVariable:
    """One ``Variable(...)`` as it is written.

    Attributes:
        name: Its name; the text of the expression where the name is computed.
        description: What it means, "" where none is given.
        default: The literal value, or an ``Expression``; means nothing without ``has_default``.
        has_default: Whether a default is given; ``default=None`` is one.
        verify: The text of the verification, "" for none.
        update: "" for a read-only variable, "True", or the function that an update calls.
        secret: Whether the value must not be shown; true where the text does not tell.
        line: Line of the declaration, from 1.
    """

    name: str
    description: str
    # A secret must not reach a log through the repr.
    default: object = field(repr=False)
    has_default: bool
    verify: str
    update: str
    secret: bool
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """One module.

    Attributes:
        name: Its name: the stem of the file, dotted for a module inside a package.
        path: Its file.
        kind: "scenario" when ``init`` and ``start`` can be called as crowsg does, "helper" when it
            only declares ``required_variables``, else "ordinary".
        doc: Its docstring, "" where it has none.
        callbacks: Those of ``CALLBACKS`` that it defines.
        variables: What ``required_variables`` declares.
        overrides: What ``override_variables`` declares.
        imports: Absolute names of all modules that its import statements could load.
    """

    name: str
    path: Path
    kind: Kind
    doc: str
    callbacks: tuple[str, ...]
    variables: tuple[DeclaredVariable, ...]
    overrides: tuple[DeclaredVariable, ...]
    imports: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0]
