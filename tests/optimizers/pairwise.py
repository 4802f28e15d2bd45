"""Rows that hold every pair of levels of any two options."""

from itertools import combinations
from itertools import product


def pairwise(options):
    """Return rows, each a dict of a level per option, in which all pairs occur.

    Each row is, of all there are, the first that holds most of the pairs still missing.
    """
    everything = [
        dict(zip(options, row, strict=True)) for row in product(*options.values())
    ]
    pairs_of = [frozenset(combinations(sorted(row.items()), 2)) for row in everything]
    missing, rows = frozenset().union(*pairs_of), []
    while missing:
        best = max(range(len(pairs_of)), key=lambda n: len(pairs_of[n] & missing))
        rows.append(everything[best])
        missing -= pairs_of[best]
    return rows
