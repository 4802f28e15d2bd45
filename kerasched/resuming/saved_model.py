"""The files in which Keras saves a model, read for the state of its optimizers."""

import contextlib
import functools
import itertools
import json
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasched.errors import explained
from kerasched.errors import message
from kerasched.resuming.trained_weights import trained_weights
from kerasched.resuming.variable_names import for_members
from kerasched.resuming.variable_names import is_rate
from kerasched.resuming.variable_names import members
from kerasched.resuming.variable_names import named_variables
from kerasched.training.leaves import leaves
from kerasched.training.variables import copy_of

WEIGHTS = "model.weights.h5"
VARIABLES = "optimizer/vars"
BY_HAND = (
    "If other layers are trainable now: set `trainable` as it was when the file was "
    "saved, compile and load. Then set it as you want it, compile again and call "
    "copy_optimizer_state(..., strict=False)."
)
# The errors of zipfile and json for a damaged file or one of another kind.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    RuntimeError,
)


@contextlib.contextmanager
def opened(path: str | Path, owner: str) -> Iterator["Saved"]:
    """Open a `.keras` or `.weights.h5` file for reading, in the name of `owner`."""
    with tempfile.TemporaryDirectory() as folder:
        yield Saved(path, owner, folder)


class Saved:
    """A `.keras` or `.weights.h5` file, open for reading.

    Args:
        path: the file.
        owner: the function that error messages name.
        folder: a folder for temporary files.
    """

    def __init__(self, path: str | Path, owner: str, folder: str) -> None:
        import h5py  # A dependency of Keras, which imports it late too.

        if not isinstance(path, (str, Path)):
            raise TypeError(message(owner, "path", "a path", path))
        if not str(path).endswith((".keras", ".weights.h5")):
            what = "a `.keras` or a `.weights.h5` file"
            raise ValueError(message(owner, "path", what, str(path)))
        self._path, self._owner = Path(path), owner
        self._config: dict[str, Any] = {}
        try:
            with self._path.open("rb"):
                pass
        except OSError as error:
            what = f"{owner} cannot read {path}"
            raise explained(error, what) from error
        self.weights_file = self._path
        if self._path.suffix == ".keras":
            self.weights_file = Path(folder, WEIGHTS)
            self._unpack()
        try:
            h5py.File(self.weights_file).close()
        except OSError as error:
            raise self._damaged() from error

    def _unpack(self) -> None:
        """Extract weights and config from a `.keras` file, which is a zip archive."""
        try:
            with zipfile.ZipFile(self._path) as archive:
                with (
                    archive.open(WEIGHTS) as source,
                    self.weights_file.open("wb") as to,
                ):
                    shutil.copyfileobj(source, to)
                self._config = json.loads(archive.read("config.json"))
        except DAMAGE as error:
            raise self._damaged() from error

    def _damaged(self) -> ValueError:
        what = "a whole file that Keras saved"
        return ValueError(message(self._owner, "path", what, str(self._path)))

    def optimizer_values(self, model: Any) -> dict[str, np.ndarray]:
        """Return the state of the file's optimizer by the names of `named_variables`.

        Members of a MultiOptimizer are named as in the optimizer of the model.

        Args:
            model: a model that is built, as is its optimizer.
        """
        arrays = self._optimizer_arrays()
        compiled = self._config.get("compile_config") or {}
        original = _optimizer_from(compiled.get("optimizer"))
        if original is None:
            return self._known_by_shape(model.optimizer, model.weights, arrays)
        return self._known_by_config(original, model, arrays)

    def _optimizer_arrays(self) -> list[np.ndarray]:
        import h5py

        with h5py.File(self.weights_file) as file:
            if VARIABLES not in file or not file[VARIABLES]:
                what = "a file that holds the state of an optimizer"
                raise ValueError(message(self._owner, "path", what, str(self._path)))
            stored = [file[VARIABLES][str(i)] for i in range(len(file[VARIABLES]))]
            if any("dtype" in dataset.attrs for dataset in stored):
                what = "a file whose optimizer has no bfloat16 variables"
                raise ValueError(message(self._owner, "path", what, str(self._path)))
            return [np.asarray(dataset) for dataset in stored]

    def own_values(
        self, path: str, optimizer: Any, weights: Any, arrays: list[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the state of an optimizer in an attribute of the model, by name.

        Args:
            path: its attribute path.
            optimizer: the optimizer.
            weights: the weights of the model.
            arrays: what `reading` has found for it.
        """
        if not optimizer.built and any(array.ndim for array in arrays):
            what = f"one whose optimizer {path} is built"
            fix = f"Call model.{path}.build(variables) with those that it trains"
            raise ValueError(message(self._owner, "model", what, path, fix))
        if not arrays:
            return {}
        return self._known_by_shape(optimizer, weights, arrays, path)

    def _known_by_config(
        self, original: Any, model: Any, arrays: list[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Load the variables into an optimizer like the saved one, which names them."""
        trained = trained_weights(model, self._config)
        if trained is None:
            raise ValueError(
                f"{self._owner}: {self._path} does not tell which weights its "
                f"optimizer trained: layers are frozen in it or in the model, and its "
                f"model cannot be made or has other weights. {BY_HAND}"
            )
        try:
            original.build(trained)
        except ValueError as error:  # A layerwise optimizer of other layers.
            raise self._misfit(len(arrays), len(original.variables)) from error
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            original.load_own_variables({str(i): a for i, a in enumerate(arrays)})
        if any("Skipping variable loading" in str(one.message) for one in caught):
            raise self._misfit(len(arrays), len(original.variables))
        return state_for(original, model.optimizer, model.weights)

    def _known_by_shape(
        self, optimizer: Any, weights: Any, arrays: list[np.ndarray], path: str = ""
    ) -> dict[str, np.ndarray]:
        """Name the variables like those of the optimizer, with or without a rate.

        Args:
            optimizer: the built optimizer that the state is for.
            weights: the weights of the model.
            arrays: the variables in the file.
            path: the attribute path if it is not the optimizer of `compile`.
        """
        shapes = [array.shape for array in arrays]
        for names, expected in _layouts(optimizer, weights):
            if expected == shapes:
                known = zip(names, arrays, strict=True)
                return {name: array for name, array in known if name is not None}
        raise self._misfit(len(arrays), len(optimizer.variables), path)

    def _misfit(self, stored: int, expected: int, path: str = "") -> ValueError:
        fix = (
            f"Give {path} an optimizer of the same class and options, built on the "
            "same variables."
            if path
            else "Compile the model with an optimizer of the same class and options. "
            + BY_HAND
        )
        of_whom = path or "the optimizer"
        return ValueError(
            f"{self._owner}: the {stored} variables of {of_whom} in {self._path} "
            f"do not fit the {expected} of the model's. {fix}"
        )


@contextlib.contextmanager
def reading(optimizers: dict[str, Any]) -> Iterator[dict[str, list[np.ndarray]]]:
    """Capture the arrays that Keras loads for some optimizers, without loading them.

    Only Keras knows where in a file they are.
    """
    found: dict[str, list[np.ndarray]] = {path: [] for path in optimizers}

    def take(path: str, store: Any) -> None:
        found[path] = [np.asarray(store[str(i)]) for i in range(len(store.keys()))]

    for path, optimizer in optimizers.items():
        vars(optimizer)["load_own_variables"] = functools.partial(take, path)
    try:
        yield found
    finally:
        for optimizer in optimizers.values():
            del vars(optimizer)["load_own_variables"]


def state_for(source: Any, optimizer: Any, weights: Any) -> dict[str, np.ndarray]:
    """Return an optimizer's state by the names of another optimizer.

    Args:
        source: an optimizer that is built for weights of a model.
        optimizer: another one, built for weights of the same model.
        weights: the weights of the model.
    """
    values = {
        name: copy_of(variable)
        for name, variable in named_variables(source, weights).items()
    }
    theirs, ours = (members(one, weights) for one in (source, optimizer))
    return for_members(values, theirs, ours)


def _layouts(optimizer: Any, weights: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield the names and shapes of the variables that a file may have.

    The rates of the saved optimizer may have been numbers or schedules, and it may have
    had no slots.
    Variables that are not state have the name None.
    """
    named = named_variables(optimizer, weights)
    of_variable = {id(variable): name for name, variable in named.items()}
    firsts = {id(leaf.variables[0]) for leaf in leaves(optimizer)}
    for slots, rates in itertools.product((True, False), repeat=2):
        layout: list[tuple[Any, Any]] = []
        for variable in optimizer.variables:
            name = of_variable.get(id(variable))
            if name is None:
                layout.append((None, tuple(variable.shape)))
            elif not is_rate(name) and (slots or " of " not in name):
                layout.append((name, tuple(variable.shape)))
            # Keras puts the rate after the count.
            if name and id(variable) in firsts and rates:
                layout.append((name.replace("iteration", "learning_rate"), ()))
        yield [name for name, _ in layout], [shape for _, shape in layout]


def _optimizer_from(config: dict[str, Any] | None) -> Any:
    """Create an optimizer from its config, None if that is not possible."""
    if config is None:
        return None
    try:
        return keras.saving.deserialize_keras_object(_of_any_backend(config))
    except (TypeError, ValueError, ImportError):
        return None  # A function, or a class that is not available.


def _of_any_backend(config: Any) -> Any:
    """Replace the torch backend's optimizer classes in a config by Keras's."""
    if isinstance(config, list):
        return [_of_any_backend(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: _of_any_backend(value) for key, value in config.items()}
    if ".torch.optimizers" in str(config.get("module")):
        config = {**config, "module": "keras.optimizers", "registered_name": None}
    return config
