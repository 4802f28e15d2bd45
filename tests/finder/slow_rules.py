"""A slow reference implementation of fastai's rules for the losses of a sweep.

It is written from the description of the rules, independently of the package: plain
loops over lists of float32 numbers. A rule raises where fastai raises.
"""

import math

import numpy as np


def part_of(numbers, steps):
    return [np.float32(number) for number in numbers][steps // 10 : -5]


def suggestions(rates, losses, steps):
    rates, losses = part_of(rates, steps), part_of(losses, steps)
    first = next((i for i, loss in enumerate(losses) if math.isnan(loss)), len(losses))
    found = {}
    with np.errstate(all="ignore"):
        for rule in (valley, steepest, minimum, slide):
            try:
                found[rule.__name__] = rule(rates[:first], losses[:first])
            except (IndexError, ValueError):
                found[rule.__name__] = None
    return found


def valley(rates, losses):
    longest = [1] * len(losses)
    start, end = 0, 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
            if longest[end] < longest[i]:
                end = i
                start = end - longest[end]
    sections = (end - start) / 3
    return float(rates[start + int(sections) + int(sections / 2)])


def steepest(rates, losses):
    logs = [np.float32(math.log(float(rate))) for rate in rates]
    slopes = [
        (losses[i + 1] - losses[i]) / (logs[i + 1] - logs[i])
        for i in range(len(losses) - 1)
    ]
    # torch's argmin treats NaN as the smallest number.
    wild = [i for i, slope in enumerate(slopes) if math.isnan(slope)]
    return float(rates[wild[0] if wild else slopes.index(min(slopes))])


def minimum(rates, losses):
    return float(rates[losses.index(min(losses))]) / 10


def slide(rates, losses):
    last = len(losses) - 1
    slopes = [
        (losses[min(i + 1, last)] - losses[max(i - 1, 0)])
        / np.float32(1 if i in (0, last) else 2)
        for i in range(len(losses))
    ]
    right, left = -1, -16
    found = rates[left]
    while left >= -len(losses) and abs(slopes[right] - slopes[left]) > np.float32(
        0.005
    ):
        found = rates[left]
        right -= 1
        left -= 1
    return float(found)
