"""Following docs/adding_a_backend.md literally adds a backend with the kernel."""

import re
import shutil
from pathlib import Path

import pytest
from support import PACKAGE
from support import run_json

from kerasched.kernels import native

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding_a_backend.md").read_text(encoding="utf-8")
MODULE = re.compile(r"^A new file, `([\w/.]+)`.*?^```python\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| `([\w/]+\.py)` \| `([A-Z_]+)` \| `(.+)` \|$", re.MULTILINE)
PLACE = re.compile(r"^\| `([\w/]+\.py)` \| [^`]", re.MULTILINE)

# Compares optimizers with options of each kind to Keras's, on weights of two sizes.
TRAIN = """
import json
import keras
import numpy as np
import kerasched
from kerasched.kernels import tested
from kerasched.kernels.report import report

# Skips the self-test in a child process, which takes seconds.
tested.TESTED["numpy"] = (tested.installed("numpy"),)

def trained(optimizer):
    random = np.random.default_rng(0)
    weights = [keras.Variable(random.normal(size=s)) for s in [(3, 5), (7,)]]
    for _ in range(4):
        gradients = [random.normal(size=w.shape).astype("float32") for w in weights]
        optimizer.apply(gradients, weights)
    return [keras.ops.convert_to_numpy(w) for w in weights]

def difference(name, **options):
    ours = trained(getattr(kerasched, name)(0.1, **options, fused=True))
    theirs = trained(getattr(keras.optimizers, name)(0.1, **options))
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs))

print(json.dumps({
    "differences": [
        difference("SGD"),
        difference("SGD", momentum=0.9, nesterov=True, weight_decay=0.1),
        difference("SGD", momentum=0.9, global_clipnorm=1.0, use_ema=True),
        difference("SGD", gradient_accumulation_steps=2, clipvalue=0.5),
        difference("AdamW", weight_decay=0.1),
    ],
    "report": report(),
}))
"""


def follow(tree):
    """Apply the code block and the table rows of the page to a copy of the tree."""
    (name, code), *others = MODULE.findall(PAGE)
    assert not others
    (tree / name).write_text(code, encoding="utf-8")
    for file, table, row in ROW.findall(PAGE):
        add_row(tree / file, table, row)


def add_row(file, table, row):
    """Insert a row at the start of a table, or a name at the start of a tuple."""
    text = file.read_text(encoding="utf-8")
    (head,) = re.findall(rf"^{table}\b[^=\n]*= {{[^\n]*", text, re.MULTILINE)
    opening = "in (" if "in (" in head else "{"
    start = head.index(opening) + len(opening)
    grown = f"{head[:start]}{row}, {head[start:]}"
    file.write_text(text.replace(head, grown), encoding="utf-8")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The results of a process that runs on the page's backend."""
    tree = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tree / "kerasched", ignore=ignored)
    follow(tree)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(tree))
        environment.setenv("XDG_CACHE_HOME", str(tree / "cache"))
        return run_json(TRAIN, "numpy")


@pytest.mark.skipif(native.missing != "", reason=native.missing)
def test_the_page_followed_to_the_letter_trains_as_keras_does(outcome):
    # A few units in the last place of float32, for weights of about 1.
    assert max(outcome["differences"]) < 1e-6


@pytest.mark.skipif(native.missing != "", reason=native.missing)
def test_the_report_knows_the_new_backend(outcome):
    report = outcome["report"]
    assert report["update"] == "the compiled kernel"
    assert report["framework"].startswith("NumPy ")


def test_the_page_names_each_file_that_asks_for_the_backend():
    asking = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "keras.backend.backend()" in path.read_text(encoding="utf-8")
        and path.parent.name != "kernels"
    }
    assert set(PLACE.findall(PAGE)) == asking
