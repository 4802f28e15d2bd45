"""Base classes of the callbacks: what belongs to a call of `fit`, and to a model."""

import copy
import warnings
import weakref
from typing import Any
from typing import ClassVar
from typing import Self

import keras

from kerasched.errors import message
from kerasched.training.fit_call import FitCall
from kerasched.training.fit_call import fit_call_of
from kerasched.training.fit_call import record_fit_calls
from kerasched.training.processes import processes_of


class FitCallback(keras.callbacks.Callback):
    """A callback that knows the call of `fit` and the list of callbacks it is in.

    Attributes:
        PER_FIT: the attributes that belong to one call of `fit`, with their values
            outside of it. They are reset when the call ends, so that a callback keeps
            neither data nor variables alive, and are left out of pickles.
    """

    PER_FIT: ClassVar[dict[str, Any]] = {}
    _list_reference: Any = None

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Record calls of `fit` from now on, also where this is unpickled."""
        record_fit_calls()
        callback = super().__new__(cls)
        callback._warned = set()
        callback._forget_fit()
        return callback

    @property
    def callback_list(self) -> keras.callbacks.CallbackList | None:
        """The list through which this callback was called last, None outside of it."""
        return None if self._list_reference is None else self._list_reference()

    def set_callback_list(self, callback_list: keras.callbacks.CallbackList) -> None:
        """Receive the list of callbacks, before its `on_train_begin` is called."""
        self._list_reference = weakref.ref(callback_list)

    def _rearrange(
        self, first: list[Any], last: list[Any], dropped: tuple[type, ...] = ()
    ) -> list[Any]:
        """Put callbacks at both ends of the list, and return the others.

        Args:
            first: the callbacks at the start of the list.
            last: the callbacks at its end.
            dropped: classes whose other instances are removed from the list.
        """
        listed, ends = self.callback_list, {id(one) for one in (*first, *last)}
        others = [
            other
            for other in (listed.callbacks if listed else ())
            if id(other) not in ends and not isinstance(other, dropped)
        ]
        if listed:  # Another list, as Keras may be iterating over this one.
            listed.callbacks = [*first, *others, *last]
        return others

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        self._forget_fit()

    def _mean(self, value: float) -> float:
        """Return the mean of a number over the processes that train the model."""
        in_fit = fit_call_of(self.model).is_seen
        return processes_of(self.model, in_fit).mean(value)

    def _enter_fit(self) -> FitCall:
        """Return the call of `fit` that begins; its end resets what belongs to it."""
        call = fit_call_of(self.model)
        call.on_end(self._forget_fit)
        return call

    def _forget_fit(self) -> None:
        """Reset the attributes that belong to a call of `fit`."""
        self.__dict__.update(copy.deepcopy(self.PER_FIT))
        self._list_reference = None

    def _sync_model(self) -> None:
        """Write the compiled step's state to the model's variables, on JAX."""
        _ = self.model

    def _warn_once(self, text: str, kind: str = "") -> None:
        """Warn in the name of this callback, unless it gave a warning of this kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(f"{type(self).__name__} {text}.", stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), **self.PER_FIT, "_list_reference": None}


class ModelCallback(FitCallback):
    """A callback with a state that belongs to one model: `reset` is for another one."""

    _of_model: Any = None

    def reset(self) -> None:
        """Forget what was seen."""
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """Return the state as JSON-native values."""
        raise NotImplementedError

    def _check_state(self, state: Any) -> None:
        """Raise ValueError unless a state has the names of `get_state`."""
        names = self.get_state()
        if not isinstance(state, dict) or set(state) != set(names):
            owner = f"{type(self).__name__}.set_state"
            what = f"a dict with {', '.join(names)}"
            raise ValueError(message(owner, "state", what, state))

    def set_model(self, model: keras.Model) -> None:
        """Keras's hook."""
        super().set_model(model)
        if self._of_model not in (None, model):
            self.reset()
        self._of_model = model
