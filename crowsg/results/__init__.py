"""The files of a run, written as it goes: ``crowsg run --out DIR``.

``summary.json``
    Everything the run came to; its JSON schema is ``summary.schema.json`` in this package. While
    the run goes on it is replaced every five seconds, with ``exit_code`` null, so that a run that
    is killed leaves one too.
``timeseries.csv``
    A row for each second and operation that had samples in it, and one row a second with an empty
    ``operation``: all operations together, the users, the generator itself. Durations in seconds.
``users.csv``
    A row for each user that ended: id, node, when it started in seconds since the start of the run
    and for how long it ran (both empty for one that never did), and what became of it. After a
    million rows one user in a hundred is written, after two million one in ten thousand, and so on;
    ``events`` of the summary then says since when.

Cells that a spreadsheet would take for a formula begin with an apostrophe.
"""

from crowsg.results.writer import Results

__all__ = ["Results"]
