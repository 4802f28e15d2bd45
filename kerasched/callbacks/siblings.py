"""The other callbacks of a run, for those whose work depends on them.

Keras tells a callback its model and its parameters, and not the list that it stands
in. The list is in the frames of the calls that lead here, as CallbackList calls its
members; where no such list is found, nothing is known, and callers must do without.
"""

import sys
from typing import Any

import keras


def callback_list_of(callback: Any) -> keras.callbacks.CallbackList | None:
    """Return the list through which a callback is called, None if there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and any(
            member is callback for member in caller.callbacks
        ):
            return caller
        frame = frame.f_back
    return None
