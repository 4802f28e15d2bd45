"""Threads that simulate processes."""

import threading

from kerasched.training.processes import Processes

PATIENCE = 10.0


class Group:
    """Runs a function in threads that simulate processes."""

    def __init__(self, count):
        self.count, self._sent = count, [None] * count
        self._barrier = threading.Barrier(count, timeout=PATIENCE)

    def __call__(self, function):
        """Return the results or errors of a function in each process, by rank."""
        results = [None] * self.count

        def call(rank):
            processes = Processes(rank, self.count, lambda sent: self._swap(rank, sent))
            try:
                results[rank] = function(processes)
            except Exception as error:
                results[rank] = error

        threads = [threading.Thread(target=call, args=(r,)) for r in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        return results

    def _swap(self, rank, sent):
        self._sent[rank] = sent
        self._barrier.wait()
        received = list(self._sent)
        self._barrier.wait()
        return received
