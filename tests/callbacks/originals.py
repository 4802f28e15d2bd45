"""The arguments of ReduceOnPlateau that give the plateau rule of another library.

Each function takes the original's arguments, except the rate and the metric.
"""


def keras(factor=0.1, patience=10, mode="min", min_delta=1e-4, cooldown=0, min_lr=0.0):
    return {
        "factor": factor,
        "patience": patience,
        "mode": mode,
        "min_delta": min_delta,
        "cooldown": cooldown,
        "min_lr": min_lr,
    }


def torch(
    mode="min",
    factor=0.1,
    patience=10,
    threshold=1e-4,
    threshold_mode="rel",
    cooldown=0,
    min_lr=0.0,
    eps=1e-8,
):
    """torch waits one epoch longer, and its cooldown is one epoch longer too."""
    relative = threshold_mode == "rel"
    return {
        "mode": mode,
        "factor": factor,
        "patience": patience + 1,
        "min_delta": 0.0 if relative else threshold,
        "relative_delta": threshold if relative else 0.0,
        "cooldown": cooldown + 1,
        "min_lr": min_lr,
        "eps": eps,
    }


def mmengine(rule="less", min_value=0.0, **arguments):
    """Like torch."""
    mode = {"less": "min", "greater": "max"}[rule]
    renamed = {"threshold_rule": "threshold_mode"}
    arguments = {renamed.get(name, name): arguments[name] for name in arguments}
    return torch(mode, min_lr=min_value, **arguments)


def timm(
    decay_rate=0.1,
    patience_t=10,
    threshold=1e-4,
    cooldown_t=0,
    mode="max",
    lr_min=0.0,
    warmup_t=0,
):
    """Like torch, but it ignores the metric during warmup."""
    plateau = torch(mode, decay_rate, patience_t, threshold, "rel", cooldown_t, lr_min)
    return {**plateau, "start_from_epoch": warmup_t}


def paddle(epsilon=1e-8, **arguments):
    """Like torch, but it ignores the metric during a cooldown."""
    return {**torch(eps=epsilon, **arguments), "watch_in_cooldown": False}


def optax(
    factor=0.1,
    patience=10,
    rtol=1e-4,
    atol=0.0,
    cooldown=0,
    accumulation_size=1,
    min_scale=0.0,
):
    return {
        "mode": "min",
        "factor": factor,
        "patience": patience,
        "relative_delta": rtol,
        "min_delta": atol,
        "cooldown": cooldown + 1,
        "accumulation_size": accumulation_size,
        "min_scale": min_scale,
    }


def greedy_lr(
    mode="min",
    factor=0.95,
    patience=10,
    threshold=1e-6,
    threshold_mode="abs",
    cooldown=0,
    warmup=0,
    min_lr=1e-3,
    max_lr=1.0,
    eps=1e-8,
    smooth=False,
    window_size=50,
    reset_start=500,
):
    """Like torch, but it ignores the metric in a cooldown and can raise the rate."""
    return {
        **torch(
            mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps
        ),
        "max_lr": max_lr,
        "increase_factor": 1.0 / factor,
        "increase_cooldown": warmup + 1,
        "window": window_size if smooth else 1,
        "reset_after": max(reset_start, 1),
        "watch_in_cooldown": False,
    }


RULES = {
    "keras": keras,
    "torch": torch,
    "mmengine": mmengine,
    "timm": timm,
    "paddle": paddle,
    "optax": optax,
    "transformers": greedy_lr,
}
