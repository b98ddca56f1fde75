import threading

import pytest

from shared.basics.parallel import run_all


def test_a_call_that_raises_keeps_no_other_from_its_turn() -> None:
    lock = threading.Lock()
    done: list[int] = []

    def call(number: int) -> None:
        if number == 0:
            raise ValueError("the first one fails at once")
        with lock:
            done.append(number)

    with pytest.raises(ValueError, match="the first one"):
        run_all(call, range(300))
    assert sorted(done) == list(range(1, 300))
