"""The README is short, its code runs, and its tables and commands are up to date."""

import re
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
from support import run_python

import kerasched
from kerasched import compat

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PAGES = ("README.md", "docs/schedules.md", "docs/speed.md")
# The messages that TensorFlow itself writes to standard error: how it was compiled, and
# which devices it looked for.
FROM_FRAMEWORKS = re.compile(
    r"before absl::InitializeLog\(\) is called"
    r"|^[IWE]0000 .* (port|cudart_stub|cpu_feature_guard|service|cuda_executor"
    r"|device_compiler|xla_gpu_device|cuda_platform)\.cc:"
    r"|To enable the following instructions: .* rebuild TensorFlow"
)
# A row: the library, its line of code, a note and our line of code.
ORIGINAL = re.compile(r"^\| (\w+) \| `(.+?)`(.*?) \| `(.+?)` \|$", re.MULTILINE)
ORIGINALS = ORIGINAL.findall(README.partition("| from |")[2].partition("\n\n")[0])


def test_the_code_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(PYTHON) == 2
    code = "\n".join([*PYTHON, "print(int(loaded.optimizer.iterations))"])
    done = run_python(code, log_level=None)
    assert done.stdout.endswith("\n165\n")  # 11 epochs of 15 batches.
    assert (tmp_path / "model.keras").exists()
    assert [x for x in done.stderr.splitlines() if not FROM_FRAMEWORKS.search(x)] == []


@pytest.mark.host
def test_the_quickstart_has_ten_lines():
    assert len([line for line in PYTHON[0].splitlines() if line]) <= 10


@pytest.mark.host
def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.host
def test_the_picture_above_the_fold_is_small():
    first = README.splitlines()[:10]
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", "\n".join(first))
    assert (ROOT / picture).stat().st_size < 200_000


@pytest.mark.host
def test_the_picture_is_drawn_by_its_script(tmp_path):
    face = runpy.run_path(str(ROOT / "docs" / "face.py"))
    curves = {name: [0.3, 0.2, 0.1] for name in ("one", "two", "three")}
    drawn = tmp_path / "face.svg"
    face["draw"](kerasched.CosineDecay(0.03, 200), curves, drawn)

    def titles(path):
        return re.findall(r"<!-- (.+) -->", path.read_text(encoding="utf-8"))

    for name in (*face["SHOWN"], "learning rate"):
        assert titles(drawn).count(name) == titles(ROOT / "docs" / "face.svg").count(
            name
        )
        assert name in titles(drawn)
    assert drawn.stat().st_size < 200_000


@pytest.mark.host
def test_the_text_of_the_picture_can_be_read_on_a_narrow_screen():
    picture = (ROOT / "docs" / "face.svg").read_text(encoding="utf-8")
    (width,) = re.findall(r'viewBox="0 0 ([\d.]+) ', picture)
    # Matplotlib's letters are 100 units high, and are scaled to the size of the font.
    sizes = [100 * float(x) for x in re.findall(r"scale\(([\d.]+) -", picture)]
    # Of 420 pixels a page leaves about 388 to a picture.
    assert min(sizes) * 388 / float(width) >= 10.0


@pytest.mark.host
@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_up_to_date(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert "written by docs/tables.py" in text
    assert tables["with_tables"](text) == text, "run: python docs/tables.py"


def test_the_two_commands_are_as_documented():
    assert SHELL == [
        'pip install ".[demo]" && kerasched demo\n',
        'pip install ".[test]" && python -m tests\n',
    ]


@pytest.mark.host
def test_the_originals_are_of_these_libraries():
    libraries = [library for library, *_ in ORIGINALS]
    assert libraries == ["Keras", "torch", "timm", "transformers", "optax", "Paddle"]


@pytest.mark.host
@pytest.mark.parametrize(("library", "theirs", "note", "ours"), ORIGINALS)
def test_our_line_gives_the_rates_of_the_original(library, theirs, note, ours):
    ported = library != "Keras"
    place = getattr(compat, library.lower()) if ported else keras.optimizers.schedules
    # A port has the rate as `learning_rate`, unless another argument is the rate.
    replaced = theirs.replace("optimizer, ", "" if "max_lr" in theirs else "0.1, ")
    expected = eval(replaced, dict(vars(place)))
    if note == ", once an epoch":
        expected = kerasched.PerEpoch(expected, 391)
    schedule = eval(ours, {**vars(kerasched), "compat": compat})
    if ported:
        steps = np.append(np.arange(0, 12_000, 61), 391 * np.arange(1, 92))
        rates, options = expected.evaluate(steps), {"rtol": 1e-12}
    else:  # In float32 the error of cos near -1 is 6e-8, which is multiplied by 0.05.
        steps = np.array([0, 50, 99, 100, 101, 550, 999, 1000, 1100])
        rates = [keras.ops.convert_to_numpy(expected(step)) for step in steps]
        options = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(schedule.evaluate(steps), rates, **options)


@pytest.mark.host
def test_the_problems_are_among_those_that_are_tested():
    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    table = README.partition("| problem in Keras |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) == 5
    assert not [row for row in rows if row not in page.splitlines()]


@pytest.mark.host
def test_the_version_to_cite_is_this_one():
    assert f"kerasched {kerasched.__version__}," in README
