"""The scripts of docs/scaling.md run."""

import re
import signal
from pathlib import Path

import keras
import pytest
from conftest import BACKEND
from support import sampled

from scaling.launch import check
from scaling.launch import free_port
from scaling.launch import run_all
from scaling.training import Parts
from scaling.training import make_model

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BLOCK = re.compile(r'^```python title="(\S+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SCRIPTS = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
ON = {
    "scale_jax.py": ("jax", 1),
    "scale_jax_processes.py": ("jax", 2),
    "scale_tensorflow.py": ("tensorflow", 1),
    "scale_torch.py": ("torch", 2),
}


def test_each_script_is_run():
    assert list(SCRIPTS) == [*ON, "stop.py"]


# In the first tier, tests/scaling/test_jax_processes.py trains in several processes and
# tests/scaling/test_mirrored_training.py over several replicas.
SLOW = {"scale_jax_processes.py", "scale_tensorflow.py"}

FINISHED = "\nprint('finished', flush=True)\n"
# The threads of torch's process group outlive `destroy_process_group` if there was a
# DistributedDataParallel. They may abort while the interpreter is torn down, which this
# leaves out (github.com/pytorch/pytorch/pull/179291).
ENDS = {"torch": f"{FINISHED}os._exit(0)\n"}


@pytest.mark.parametrize("name", sampled({name: (name,) for name in ON}, {*ON} - SLOW))
def test_a_script_runs_to_its_end(name, tmp_path):
    backend, count = ON[name]
    if backend != BACKEND:
        pytest.skip(f"needs {backend}")
    path = tmp_path / name
    path.write_text(SCRIPTS[name] + ENDS.get(backend, FINISHED), encoding="utf-8")
    port = str(free_port())
    settings = {
        "COORDINATOR": f"127.0.0.1:{port}",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": str(count),
    }
    each = [{**settings, "RANK": str(rank)} for rank in range(count)]
    every = run_all([[str(path)]] * count, each, 300.0, tmp_path)
    check(every)
    assert all(one.output.endswith("finished\n") for one in every)


@pytest.mark.host
def test_a_run_that_stopped_on_a_signal_resumes(tmp_path):
    namespace = {"upload": lambda folder: uploads.append(sorted(folder.iterdir()))}
    uploads = []
    exec(SCRIPTS["stop.py"], namespace)

    class Terminated(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                signal.raise_signal(signal.SIGTERM)

    def run(*callbacks):
        model = make_model()
        backup = namespace["Uploading"](tmp_path, delete_checkpoint=False)
        stop = namespace["StopOnSignal"]()
        callbacks = [stop, backup, *callbacks]
        model.fit(Parts([0]), epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
        return backup

    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            run(Terminated())
        assert ended.value.code == 143
        assert [one["epoch"] for one in run().record] == [0, 1, 2]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(uploads) == 3
    assert all(uploads)
