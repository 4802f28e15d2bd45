"""The schedules' formulas with 50 digits, for the table in rows.py.

They are written from the docstrings alone and use none of the package's code.
"""

import functools
import math
from bisect import bisect_right
from fractions import Fraction
from types import SimpleNamespace

import mpmath

MP = mpmath.mp.clone()
MP.dps = 50


def meant(number):
    """Return the decimal number that a float stands for, such as 1/10 for 0.1."""
    return Fraction(repr(float(number)))


def real(number):
    if isinstance(number, Fraction):
        return MP.mpf(number.numerator) / number.denominator
    return MP.mpf(number)


def part(step, total):
    """Return the completed fraction of `total`, 1 after its end."""
    return real(min(step, total)) / total


def wave(p):
    return (1 - MP.cos(MP.pi * p)) / 2


def mixed(start, end, p):
    return start + (end - start) * p


def passed(a, step):
    return step // a.decay_steps if a.staircase else MP.mpf(step) / a.decay_steps


def interpolated(points, shape, step):
    """Interpolate between points, which are pairs of a step and a rate."""
    index = bisect_right([place for place, _ in points], step)
    if index == 0:
        return points[0][1]
    if index == len(points):
        return points[-1][1]
    (begin, start), (last, end) = points[index - 1], points[index]
    p = (MP.mpf(step) - begin) / (last - begin)
    return mixed(start, end, wave(p) if shape == "cosine" else p)


def all_over(first, factor):
    """Return the end of all cycles; for shrinking cycles a geometric sum."""
    return first / (1 - factor) if factor < 1 else 2**31


@functools.cache
def starts(first, factor):
    """Return the starts of the cycles that contain a step below 2**31."""
    times = [Fraction(0)]
    length = Fraction(first)
    while math.ceil(times[-1]) < min(2**31, math.ceil(all_over(first, factor))):
        times.append(times[-1] + length)
        length *= factor
    return times


def cycle(first, factor, limit, step):
    """Return a step's cycle, steps so far and cycle length; None after the last."""
    factor = meant(factor)
    if factor == 1:
        index, begin, length = step // first, step // first * first, first
    else:
        index = bisect_right(starts(first, factor), step) - 1
        begin, length = starts(first, factor)[index], first * factor**index
    if factor < 1 and step >= all_over(first, factor):
        return None
    return None if limit and index >= limit else (index, step - begin, length)


def chain(a, step):
    index = bisect_right(a.boundaries, step)
    return a.schedules[index](step - (0, *a.boundaries)[index])


def chebyshev(a, step):
    size = 1
    while size < a.total_steps:
        size *= 2
    node = fractal(size, min(step, a.total_steps - 1)) + MP.mpf(1) / 2
    spread = a.max_curvature - a.min_curvature
    return a.initial_learning_rate / (a.min_curvature + spread * wave(node / size))


def fractal(size, index):
    if size == 1:
        return 0
    before = fractal(size // 2, index // 2)
    return size - 1 - before if index % 2 else before


def cosine(a, step):
    p = part(step, a.decay_steps) ** a.k_decay
    rest = (1 - wave(p)) ** a.exponent
    return mixed(a.end_learning_rate, a.initial_learning_rate, rest)


def cosine_restarts(a, step):
    place = cycle(a.first_decay_steps, a.t_mul, a.cycle_limit, step)
    if place is None:
        return a.end_learning_rate
    index, done, length = place
    height = (a.initial_learning_rate - a.end_learning_rate) * a.m_mul**index
    rise = a.warmup_steps
    if done < rise:
        return a.end_learning_rate + height * real(done) / rise
    p = real((done - rise) / Fraction(length - rise))
    return a.end_learning_rate + height * (1 - wave(p))


def cosine_wave(a, step):
    crests = meant(a.cycles) * step / a.period_steps % 1
    return mixed(a.high, a.low, wave(real(2 * crests)))


def eden(a, step):
    by_step = (1 + MP.mpf(step) ** 2 / a.decay_steps**2) ** -0.25
    by_epoch = (1 + (step // a.steps_per_epoch / a.decay_epochs) ** 2) ** -0.25
    rise = part(step, a.warmup_steps) if a.warmup_steps else 1
    return a.initial_learning_rate * by_step * by_epoch * mixed(a.warmup_start, 1, rise)


def exponential_annealing(a, step):
    p = part(step, a.decay_steps)
    rest = (a.ratio**p - a.ratio) / (1 - a.ratio)
    return mixed(a.end_learning_rate, a.initial_learning_rate, rest)


def hyperbolic(a, step):
    n, u = a.decay_steps, a.upper_bound_steps

    def f(t):
        return MP.sqrt(MP.mpf(n - t) / u * (2 - MP.mpf(n + t) / u))

    fall = f(0) - f(min(step, n))
    start, infimum = a.initial_learning_rate, a.infimum_learning_rate
    if a.exponential:
        return start * (infimum / start) ** fall
    return start - (start - infimum) * fall


def linear(a, step):
    p = part(step, a.decay_steps)
    return mixed(a.initial_learning_rate, a.end_learning_rate, p)


def noam(a, step):
    n = MP.mpf(step + 1)
    rise, fall = n * MP.mpf(a.warmup_steps) ** -1.5, n**-0.5
    return a.scale * MP.mpf(a.model_dim) ** -0.5 * min(rise, fall)


def noise(a, step):
    rate = a.schedule(step)
    if step < a.start or (a.end is not None and step >= a.end):
        return rate
    return rate * (1 + a.amplitude * (MP.mpf(bits(step, a.seed) >> 8) / 2**23 - 1))


def bits(step, seed):
    """Return 32 bits of MurmurHash3's finalizer, in unsigned Python integers."""
    return finalised(finalised(step) ^ seed * 0x9E3779B9 % 2**32)


def finalised(word):
    word ^= word >> 16
    word = word * 0x85EBCA6B % 2**32
    word ^= word >> 13
    word = word * 0xC2B2AE35 % 2**32
    return word ^ word >> 16


def one_cycle(a, step):
    high, peak = a.max_learning_rate, a.pct_start * a.total_steps
    low = high / a.div_factor
    end = (a.total_steps, low / a.final_div_factor)
    back = [(2 * peak, low)] if a.three_phase else []
    return interpolated([(0, low), (peak, high), *back, end], a.shape, step)


def polynomial(a, step):
    total = a.decay_steps
    if a.cycle:
        total *= max(1, math.ceil(Fraction(step, total)))
    rest = (1 - part(step, total) ** a.k_decay) ** a.power
    return mixed(a.end_learning_rate, a.initial_learning_rate, rest)


def repeat(a, step):
    place = cycle(a.steps, a.multiplier, a.cycle_limit, step)
    if place is None:
        return a.schedule(a.steps) * a.decay_rate ** (a.cycle_limit - 1)
    index, done, length = place
    inner = done if length == a.steps else done * a.steps / Fraction(length)
    return a.schedule(inner) * a.decay_rate**index


def rex(a, step):
    p = part(step, a.decay_steps)
    rest = (1 - p) / (1 - p / 2)
    return mixed(a.end_learning_rate, a.initial_learning_rate, rest)


def slanted_triangular(a, step):
    cut = math.floor(meant(a.cut_fraction) * a.total_steps)
    low = a.max_learning_rate / a.ratio
    points = [(0, low), (cut, a.max_learning_rate), (cut / a.cut_fraction, low)]
    return interpolated(points, "linear", step)


def swalr(a, step):
    p = part(step, a.anneal_steps) if a.anneal_steps else 1
    p = wave(p) if a.shape == "cosine" else p
    return mixed(a.initial_learning_rate, a.swa_learning_rate, p)


def tanh(a, step):
    if step >= a.decay_steps:
        return a.end_learning_rate
    place = a.lower + (a.upper - a.lower) * real(step) / a.decay_steps
    rest = (1 - MP.tanh(place)) / 2
    return mixed(a.end_learning_rate, a.initial_learning_rate, rest)


def triangular(a, step):
    up, down = a.step_size_up, a.step_size_down or a.step_size_up
    index, place = divmod(step, up + down)
    height = MP.mpf(place) / up if place < up else MP.mpf(up + down - place) / down
    scales = {
        "triangular": MP.mpf(1),
        "triangular2": MP.mpf(2) ** -index,
        "exp_range": a.gamma**step,
    }
    spread = a.max_learning_rate - a.min_learning_rate
    return a.min_learning_rate + spread * height * scales[a.mode]


def warmup(a, step):
    if step >= a.warmup_steps:
        return a.schedule(step - a.warmup_steps)
    p, start, target = part(step, a.warmup_steps), a.start_learning_rate, a.schedule(0)
    if a.shape == "exponential":
        return start * (target / start) ** p
    shapes = {"linear": p, "cosine": wave(p), "polynomial": p**a.power, "constant": 0}
    return mixed(start, target, shapes[a.shape])


def warmup_stable_decay(a, step):
    before, peak = a.warmup_steps + a.stable_steps, a.peak_learning_rate
    if step < a.warmup_steps:
        return peak * step / a.warmup_steps
    p, end = part(max(step - before, 0), a.decay_steps), a.end_learning_rate
    if a.decay_shape == "exponential":
        return peak ** (1 - p) * end**p
    rest = {
        "linear": 1 - p,
        "cosine": 1 - wave(p),
        "sqrt": MP.sqrt(1 - p),
        "1-sqrt": 1 - MP.sqrt(p),
    }
    return mixed(end, peak, rest[a.decay_shape])


def knee(a, step):
    before = a.warmup_steps + a.explore_steps
    arguments = {
        **vars(a),
        "stable_steps": a.explore_steps,
        "decay_steps": a.total_steps - before,
        "decay_shape": "linear",
    }
    return warmup_stable_decay(SimpleNamespace(**arguments), step)
