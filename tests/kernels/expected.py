"""One step of each update rule in NumPy, for tests of the compiled rules.

The operations are those of Keras's documented rule in the same order. Each one rounds
once to the arrays' type, as the kernel does on every processor. On torch and under XLA,
Keras's operations may round a product and a sum together. A norm is the root of squares
summed in float64; it is float32, or float64 for float64 arrays.
"""

import numpy as np

from kerasched.kernels.options import Arrays


def expected(options, arrays, gradients, scalars, decays=None):
    """Return the arrays after one step."""
    decays = [True] * len(gradients) if decays is None else decays
    with np.errstate(all="ignore"):
        return after(options, arrays, gradients, scalars, decays)


def after(options, arrays, gradients, scalars, decays):
    weights, slots, sums = arrays.weights, arrays.slots, arrays.sums
    steps = max(options.gradient_accumulation_steps, 1)
    if options.unscales:
        gradients = [g / real(g, scalars.loss_scale) for g in gradients]
    if (scalars.iterations + 1) % steps:
        sums = [g + s for g, s in zip(gradients, sums, strict=True)]
    else:
        if steps > 1:
            pairs = zip(gradients, sums, strict=True)
            gradients = [(g + s) / real(g, steps) for g, s in pairs]
            sums = [np.zeros_like(s) for s in sums]
        gradients = clipped(options, gradients)
        rows = zip(decays, gradients, weights, *slots, strict=True)
        moves = [moved(options, scalars, *row) for row in rows]
        weights, *slots = map(list, zip(*moves, strict=True))
    averages = arrays.averages
    if options.use_ema:
        weights, averages = averaged(
            options, scalars.iterations // steps, weights, averages
        )
    weights, sums, averages = (
        as_arrays(arrays.weights, new) for new in (weights, sums, averages)
    )
    return Arrays(
        weights, [as_arrays(arrays.weights, slot) for slot in slots], sums, averages
    )


def real(array, number):
    """Return a number in the type of an array."""
    return array.dtype.type(number)


def as_arrays(arrays, new):
    """Return new values as arrays, because NumPy turns 0-d results into numbers."""
    return [np.asarray(x, a.dtype) for x, a in zip(new, arrays, strict=False)]


def moved(options, scalars, decays, gradient, weight, *slots):
    """Return a weight and its slots after one step."""
    rate = real(weight, scalars.learning_rate)
    if options.weight_decay and decays:
        decay = weight * real(weight, scalars.weight_decay)
        weight = weight - (decay if options.independent_weight_decay else decay * rate)
    given = [real(weight, value) for value in scalars.hyperparameters]
    if options.rule == "sgd":
        return (weight - gradient * rate,)
    if options.rule.startswith("sgd"):
        (velocity,), (momentum,) = slots, given
        step = gradient * rate
        velocity = velocity * momentum - step
        ahead = velocity * momentum - step
        nesterov = options.rule == "sgd_nesterov"
        return weight + (ahead if nesterov else velocity), velocity
    if options.rule == "lion":
        (momentum,), (beta_1, beta_2), one = slots, given, real(weight, 1)
        sign = np.sign(momentum * beta_1 + gradient * (one - beta_1))
        momentum_after = momentum * beta_2 + gradient * (one - beta_2)
        return weight - rate * sign, momentum_after
    momentum, velocity, *largest = slots
    momentum = momentum + (gradient - momentum) * given[2]
    velocity = velocity + (gradient * gradient - velocity) * given[3]
    largest = [np.maximum(array, velocity) for array in largest]
    divisor = np.sqrt([velocity, *largest][-1]) + given[4]
    steps = max(options.gradient_accumulation_steps, 1)
    rate = corrected_rate(weight, scalars, scalars.iterations // steps + 1)
    return weight - momentum * rate / divisor, momentum, velocity, *largest


def corrected_rate(weight, scalars, update):
    """Return Adam's rate with bias correction, in float32 for bfloat16 weights."""
    wide = norm_type(weight)
    powers = [wide(float(wide(b)) ** update) for b in scalars.hyperparameters[:2]]
    rate = wide(scalars.learning_rate) * np.sqrt(1 - powers[1]) / (1 - powers[0])
    return real(weight, rate)


def clipped(options, gradients):
    bound, clip, all_clip = (
        options.clipvalue,
        options.clipnorm,
        options.global_clipnorm,
    )
    if bound:
        return [
            np.maximum(np.minimum(g, real(g, bound)), real(g, -bound))
            for g in gradients
        ]
    if clip:
        norms = [norm_type(g)(np.sqrt(squares(g))) for g in gradients]
        divisors = [np.maximum(n, type(n)(clip)) for n in norms]
        pairs = zip(gradients, divisors, strict=True)
        return [g * real(g, clip) / real(g, divisor) for g, divisor in pairs]
    if all_clip:
        whole = np.sqrt(sum(map(squares, gradients)))
        return [g * real(g, factor(all_clip, norm_type(g)(whole))) for g in gradients]
    return gradients


def factor(clip, norm):
    clip = type(norm)(clip)
    return clip * np.minimum(1 / norm, 1 / clip) + (norm - norm)


def squares(gradient):
    return np.sum(np.square(gradient.astype("float64")))


def norm_type(gradient):
    return np.float64 if gradient.dtype == np.float64 else np.float32


def averaged(options, updates, weights, averages):
    """Return weights and averages after this update and `updates` earlier ones."""
    averages = [
        follow(options.ema_momentum if updates else 0.0, weight, average)
        for weight, average in zip(weights, averages, strict=True)
    ]
    every = options.ema_overwrite_frequency
    overwrites = every and (updates + 1) % every == 0
    return (averages if overwrites else weights), averages


def follow(momentum, weight, average):
    momentum = real(average, momentum)
    return momentum * average + (real(average, 1) - momentum) * weight
