"""Each registry entry is complete for the CLI, the README and the tests."""

import pytest

import kerasched
from kerasched import Schedule
from kerasched import list_schedules
from kerasched import register
from kerasched.schedules import registry

ENTRIES = list_schedules()
each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@each
def test_entry_has_an_example_of_its_class(entry):
    assert type(entry.example) is entry.cls


@each
def test_entry_has_a_reference(entry):
    assert len(entry.reference) > 10


@each
def test_entry_has_a_summary_of_one_sentence(entry):
    assert entry.summary.endswith(".")
    assert len(entry.summary) < 80


@each
def test_every_argument_is_documented(entry):
    documented = entry.cls.__doc__.partition("Args:")[2]
    for name in entry.cls.__dataclass_fields__:
        assert name == "name" or f"        {name}: " in documented, name


@each
def test_class_is_public_at_the_top_level(entry):
    assert getattr(kerasched, entry.cls.__name__) is entry.cls


def test_entries_are_sorted_by_name():
    names = [entry.name for entry in ENTRIES]
    assert names == sorted(names)


@pytest.fixture
def empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.mark.usefixtures("empty_registry")
def test_a_name_that_is_already_registered_is_refused():
    with pytest.raises(ValueError, match="which is StepDecay") as caught:

        @register("step", reference="none")
        class Other(Schedule):
            """Nothing."""

    assert str(caught.value).startswith(
        "Argument `name` of register must be a new name. Received: name='step'"
    )


@pytest.mark.usefixtures("empty_registry")
def test_an_entry_without_an_example_raises():
    @register("bare", reference="none")
    class Bare(Schedule):
        """Nothing."""

    entry = next(entry for entry in list_schedules() if entry.name == "bare")
    with pytest.raises(ValueError, match="was registered without an example"):
        _ = entry.example
