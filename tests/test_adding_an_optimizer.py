"""Following docs/adding_an_optimizer.md literally adds an optimizer and its kernel."""

import re
import shutil
from pathlib import Path

import pytest
from support import run_json
from support import run_python

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adding_an_optimizer.md"
BLOCKS = re.findall(
    r"```(cpp|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S
)
HEADER, RULES = (text for language, text in BLOCKS if language == "cpp")
FUNCTION, CLASS = (text for language, text in BLOCKS if language == "python")

TRAINING = """
import json, keras, numpy as np
from kerasched.optimizers.adagrad import Adagrad

def trained(optimizer):
    weight = keras.Variable(np.linspace(-1, 1, 67).astype("float32"))
    optimizer.build([weight])
    for seed in range(5):
        gradient = np.random.default_rng(seed).normal(size=67).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    return keras.ops.convert_to_numpy(weight)

options = {"learning_rate": 0.1, "weight_decay": 0.01, "clipvalue": 0.5}
fused = {}
ours = trained(Adagrad(**options, fused=fused))
theirs = trained(keras.optimizers.Adagrad(**options))
print(json.dumps(float(np.abs(ours - theirs).max())))
"""


@pytest.fixture(name="tree")
def _tree(tmp_path):
    """Return a copy of the sources with the page's changes applied."""
    for name in ("kerasched", "csrc"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "csrc" / "adagrad_rule.h").write_text(HEADER, encoding="utf-8")
    rules = tmp_path / "csrc" / "rules.h"
    before = rules.read_text(encoding="utf-8")
    text = re.sub(r"using AllRules =.*?;\n", lambda _: RULES, before, flags=re.S)
    assert text != before
    rules.write_text('#include "adagrad_rule.h"\n' + text, encoding="utf-8")
    with open(tmp_path / "kerasched" / "kernels" / "rules.py", "a") as file:
        file.write("\n\n" + FUNCTION)
    place = tmp_path / "kerasched" / "optimizers" / "adagrad.py"
    place.write_text(CLASS, encoding="utf-8")
    return tmp_path


def distance(tree, fused):
    """Return the largest difference to Keras's weights after five steps."""
    code = TRAINING.replace("fused = {}", f"fused = {fused}")
    return run_json(f"import sys; sys.path.insert(0, {str(tree)!r})\n{code}")


# Five steps in float32; torch may compute the operations in another order.
@pytest.mark.host
def test_without_a_compiler_the_new_class_gives_the_results_of_keras(tree):
    assert distance(tree, False) <= 1e-6


@pytest.mark.slow
@pytest.mark.host
def test_the_new_kernel_gives_the_results_of_keras(tree):
    for built in (tree / "kerasched").glob("_native*"):
        built.unlink()
    command = f"import os; os.chdir({str(tree)!r}); exec(open('setup.py').read())"
    run_python(command, arguments=("build_ext", "--inplace"))
    assert list((tree / "kerasched").glob("_native*"))
    assert distance(tree, True) <= 1e-6
