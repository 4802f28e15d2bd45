"""Each port reproduces every trace of the original library."""

from collections import Counter

import numpy as np
import pytest

from compat import traces
from compat.traces import TRACES

pytestmark = pytest.mark.host

COMPARED = [name for name, trace in TRACES.items() if not traces.left_out(trace)]


def test_as_many_traces_are_compared_as_there_are():
    counts = Counter(name.partition("/")[0] for name in COMPARED)
    assert counts == {
        "torch": 79,
        "transformers": 60,
        "optax": 60,
        "timm": 39,
        "paddle": 30,
    }


def test_every_exception_is_needed():
    """An unneeded exception for a trace could hide a later mistake."""
    for name in [*traces.CANCELLED, *traces.ROUNDED_AT_2_TO_THE_24]:
        trace = TRACES[name]
        ours = traces.schedule_of(trace).evaluate(trace["steps"])
        peak = trace["values"].max()
        within = 2e-6 * trace["values"] + 1e-9 * peak
        if name in traces.ROUNDED_AT_2_TO_THE_24:
            within = 1e-9 * trace["values"]
        assert (np.abs(ours - trace["values"]) > within).any(), name
    for name, steps in traces.MISSED_RESTARTS.items():
        trace = TRACES[name]
        here = np.isin(trace["steps"], steps)
        ours = traces.schedule_of(trace).evaluate(trace["steps"])
        assert (ours[here] == 0.1).all()
        assert (trace["values"][here] != 0.1).all()


@pytest.mark.parametrize("name", COMPARED)
def test_a_trace_is_reproduced(name):
    trace = TRACES[name]
    here = traces.compared(trace)
    assert here.sum() >= 2
    ours = traces.schedule_of(trace).evaluate(trace["steps"])
    far = np.abs(ours - trace["values"]) > traces.tolerance(trace)
    worst = {
        int(step): (float(our), float(their))
        for step, our, their in zip(
            trace["steps"][far & here],
            ours[far & here],
            trace["values"][far & here],
            strict=True,
        )
    }
    assert not worst
