"""test_persistence_limit.py - clients are refused while history asks too much of its store."""

import pytest

from limits import Limited, refused


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def test_the_store_of_history_is_asked_at_a_rate(limited):
    space = limited.namespace()
    limited.apply({"history.persistenceMaxQPS": 2})

    def start_many():
        for _ in range(1000):
            space.start()

    why = refused(start_many)
    assert why.code == "RESOURCE_EXHAUSTED" and why.text == "System Persistence Max QPS Reached."
    assert (why.exhausted.cause, why.exhausted.scope) == (4, 2)  # PERSISTENCE_LIMIT, SYSTEM
    limited.apply({})  # history.persistenceMaxQPS is 0 in the tests
    for _ in range(20):
        space.start()
