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
    # A set of pairs is a number with a bit for each: there are 100,000 rows to look at.
    bits = {}
    for one, other in combinations(options, 2):
        for pair in product(options[one], options[other]):
            bits[one, other, *pair] = 1 << len(bits)
    sets = []
    for row in everything:
        pairs = combinations(row.items(), 2)
        sets.append(sum(bits[a, b, x, y] for (a, x), (b, y) in pairs))
    missing, rows = (1 << len(bits)) - 1, []
    while missing:
        best = max(range(len(sets)), key=lambda n: (sets[n] & missing).bit_count())
        rows.append(everything[best])
        missing &= ~sets[best]
    return rows
