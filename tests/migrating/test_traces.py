"""Our schedules reproduce the recorded values of other libraries."""

import numpy as np
import pytest

from kerasched import Constant
from kerasched import LinearDecay
from migrating.original import ORIGINALS
from migrating.traces import MODULES
from migrating.traces import TRACES
from migrating.traces import mismatches
from migrating.traces import originals_of
from migrating.traces import schedule_of
from migrating.traces import steps_of

pytestmark = pytest.mark.host

# The number of traces of each library, to detect traces that are not collected.
COUNTS = {
    "bigvision": 11,
    "composer": 25,
    "fairseq": 14,
    "fastai": 16,
    "ignite": 9,
    "lrsched": 28,
    "megatron": 12,
    "mmengine": 22,
    "pytorch_optimizer": 20,
    "pytorch_scheduler": 37,
    "pytorch_warmup": 12,
    "tfa": 3,
    "tfmodels": 16,
}

REASONS = {
    (library, case): reason
    for library, module in MODULES.items()
    for case, reason in module.REASONS.items()
}
CASES = [(library, case) for library, traces in TRACES.items() for case in traces]
LEFT_OUT = [pair for pair, reason in REASONS.items() if not reason.steps]
COMPARED = [pair for pair in CASES if pair not in LEFT_OUT]


@pytest.mark.parametrize(("library", "case"), COMPARED)
def test_our_values_differ_from_the_original_only_with_a_reason(library, case):
    trace = TRACES[library][case]
    (item,) = originals_of(library, trace)
    reason = REASONS.get((library, case))
    expected = set(reason.steps) if reason else set()
    assert mismatches(trace, schedule_of(item, trace)) == expected
    assert len(expected) < len(steps_of(trace))


@pytest.mark.parametrize(("library", "case"), LEFT_OUT)
def test_a_trace_is_left_out_only_if_our_values_differ(library, case):
    trace = TRACES[library][case]
    for item in originals_of(library, trace):
        try:
            schedule = schedule_of(item, trace)
        except ValueError:
            continue
        assert mismatches(trace, schedule)


def test_every_trace_is_collected():
    assert {library: len(traces) for library, traces in TRACES.items()} == COUNTS


def test_every_reason_belongs_to_a_trace():
    assert set(REASONS) <= set(CASES)


def test_every_mapping_is_compared_with_a_trace():
    used = [originals_of(library, TRACES[library][case]) for library, case in COMPARED]
    functions = {item.function for items in used for item in items}
    # For tutorials there are formulas instead of traces: see test_tutorials.py.
    rows = [row for library, row in ORIGINALS.items() if library != "tutorials"]
    assert functions == {item.function for items in rows for item in items}


@pytest.mark.parametrize(
    ("made", "relative"),
    [({}, 1e-9), ({"recursive": True}, 1e-7), ({"dtype": "float32"}, 2e-6)],
)
def test_a_value_off_by_more_than_rounding_is_a_mismatch(made, relative):
    values = [0.1, 0.1 * (1 + 0.9 * relative), 0.1 * (1 - 1.1 * relative)]
    assert mismatches({"steps": 3, "values": values, **made}, Constant(0.1)) == {2}


@pytest.mark.parametrize(
    ("made", "absolute"),
    [({}, 1e-15), ({"recursive": True}, 1e-12), ({"dtype": "float32"}, 1e-9)],
)
def test_a_value_is_compared_with_the_peak_where_ours_is_0(made, absolute):
    values = [10.0, 9.0 * absolute, 11.0 * absolute]
    trace = {"steps": [0, 2, 3], "values": values, **made}
    assert mismatches(trace, LinearDecay(10.0, 1)) == {3}


def test_steps_beyond_2_to_the_24_are_compared_as_float32():
    values = [0.1, 0.1 * (1 + 1.9e-6), 0.1 * (1 + 1.9e-6), 0.1 * (1 + 2.1e-6)]
    trace = {"steps": [0, 2**24, 2**24 + 1, 2**24 + 2], "values": values}
    assert mismatches(trace, Constant(0.1)) == {2**24, 2**24 + 2}


def test_a_nan_is_a_mismatch():
    trace = {"steps": 2, "values": [0.1, np.nan]}
    assert mismatches(trace, Constant(0.1)) == {1}
