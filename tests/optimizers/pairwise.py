"""Pairwise testing: rows that together contain every pair of levels of two options."""

from itertools import combinations
from itertools import product


def pairwise(options):
    """Return rows that together contain all pairs, each a dict of a level per option.

    The algorithm is greedy: each row is the one that contains the most missing pairs.
    """
    everything = [
        dict(zip(options, row, strict=True)) for row in product(*options.values())
    ]
    # There are 100,000 possible rows, so a set of pairs is an integer with a bit each.
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
