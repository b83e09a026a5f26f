"""The figures crowsg is held to, measured beside its peers.

``catalogue`` says what is measured, on whom and what is asked; ``runs`` starts the processes;
``table`` prints. The others that are named on a command line of the catalogue are the processes:
each runs as ``python -m contrib.benchmarks.<name> ...`` and prints one JSON object.
"""
