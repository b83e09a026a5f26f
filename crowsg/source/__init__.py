"""Reading modules without importing them: what they declare is taken from their syntax tree.

So a scenario can be listed, described and checked while its dependencies are missing, and nothing
it does at import happens. ``read`` describes one file, ``closure`` also the modules it imports,
``declarations`` puts their variables together.
"""

from crowsg.source.model import (
    CALLBACKS,
    DeclaredVariable,
    Expression,
    Kind,
    Source,
)
from crowsg.source.modules import Declaration, closure, declarations, is_installed, locate
from crowsg.source.reading import read, read_text

__all__ = [
    "CALLBACKS",
    "Declaration",
    "DeclaredVariable",
    "Expression",
    "Kind",
    "Source",
    "closure",
    "declarations",
    "is_installed",
    "locate",
    "read",
    "read_text",
]
