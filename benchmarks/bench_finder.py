"""Compares the suggestions of the finder: python benchmarks/bench_finder.py.

Prints Markdown tables and writes all numbers to a JSON file.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from children import call  # noqa: E402
from machine import described  # noqa: E402
from machine import write  # noqa: E402

# The groups of finder_problems.py.
FIVE = "five problems"
OTHERS = "other models and optimizers"
RATES = np.geomspace(1e-5, 3.0, 13).tolist()
SEEDS = [11, 12, 13]


def main() -> None:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="jax")
    parser.add_argument("--steps", type=int, default=300)
    output = FOLDER / "results" / "finder.json"
    parser.add_argument("--output", type=Path, default=output)
    options = parser.parse_args()
    given = {"seeds": SEEDS, "rates": RATES, "steps": options.steps}
    runs = [
        run
        for group in (FIVE, OTHERS)
        for run in call(
            options.backend, "finder_regret", "runs", {"group": group, **given}
        )
    ]
    result = described(backend=options.backend, **given, runs=runs)
    write(result, options.output)
    print(markdown(result))


def regrets(runs: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    """Return each rule's regret by problem and optimizer, the mean over the seeds."""
    cases: dict[tuple[str, str], list[dict[str, float]]] = {}
    for run in runs:
        key = (run["problem"], run["optimizer"])
        cases.setdefault(key, []).append(run["regrets"])
    return {
        case: {rule: statistics.mean(r[rule] for r in found) for rule in found[0]}
        for case, found in cases.items()
    }


def best_rule(cases: dict[tuple[str, str], dict[str, float]]) -> str:
    """Return the rule with the least mean regret."""
    rules = next(iter(cases.values()))
    return min(rules, key=lambda rule: statistics.mean(c[rule] for c in cases.values()))


def left_out(runs: list[dict[str, Any]]) -> dict[str, tuple[str, float]]:
    """Return, for each problem, the rule chosen without it and that rule's regret.

    The rule is the one with the least mean regret on all other problems, and the
    regret is its mean on the problem left out.
    """
    cases = regrets(runs)
    found = {}
    for problem in dict.fromkeys(problem for problem, _ in cases):
        own = {case: values for case, values in cases.items() if case[0] == problem}
        rule = best_rule({c: values for c, values in cases.items() if c not in own})
        found[problem] = (rule, statistics.mean(c[rule] for c in own.values()))
    return found


def markdown(result: dict[str, Any]) -> str:
    """Return a table of regrets for each group, and the table of left-out problems."""
    groups: dict[str, list[dict[str, Any]]] = {FIVE: [], OTHERS: []}
    for run in result["runs"]:
        groups[run["group"]].append(run)
    tables = [regret_table(group, regrets(runs)) for group, runs in groups.items()]
    head = "| problem left out | rule chosen on the others | its regret |"
    lines = [head, "| --- " * 3 + "|"]
    for problem, (rule, value) in left_out(groups[FIVE]).items():
        lines.append(f"| {problem} | `{rule}` | {percent(value)} |")
    return "\n\n".join([*tables, "\n".join(lines)])


def regret_table(group: str, cases: dict[tuple[str, str], dict[str, float]]) -> str:
    """Return a table with a row for each case and a column for each rule."""
    rules = list(next(iter(cases.values())))
    head = [group, "optimizer", *(f"`{rule}`" for rule in rules)]
    rows = [head, ["---"] * len(head)]
    for case, values in cases.items():
        rows.append([*case, *(percent(values[rule]) for rule in rules)])
    for name, total in (
        ("mean", statistics.mean),
        ("median", statistics.median),
        ("largest", max),
    ):
        values = [percent(total(c[rule] for c in cases.values())) for rule in rules]
        rows.append([f"**{name}**", "", *values])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def percent(value: float) -> str:
    """Return a part of one in percent."""
    return f"{round(100 * value, 1) + 0.0:.1f} %"  # Zero has no sign.


if __name__ == "__main__":
    main()
