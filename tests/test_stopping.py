"""A signal sets a flag; the work sees it where it looks, whatever swallowed it before."""

from __future__ import annotations

import signal
import threading

import pytest

from lsmplify_refine import stopping
from lsmplify_refine.stopping import Stopped, check, held, watched


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_is_seen_at_every_later_look(number: int) -> None:
    before = signal.getsignal(number)
    with watched():
        check()
        signal.raise_signal(number)  # raises nothing by itself
        for _ in range(2):
            with pytest.raises(Stopped) as stop:
                check()
        assert stop.value.number == stopping.received() == number
    assert signal.getsignal(number) is before
    check()
    with watched():
        check()


def test_exit_codes_are_those_of_a_shell() -> None:
    named = {signal.Signals(number).name: stopping.exit_code(number) for number in stopping.SIGNALS}
    assert named.items() >= {"SIGINT": 130, "SIGTERM": 143}.items() and named.get("SIGHUP", 129) == 129
    assert stopping.exit_code(None) == 130


def test_whoever_insists_is_heard_at_once_but_a_doubled_signal_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(stopping, "_INSIST_SECONDS", -1.0)
        with held():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)


def test_without_watch_a_held_signal_acts_at_the_end_of_the_block() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), held(), held():
        signal.raise_signal(signal.SIGINT)
        steps.append("finished")
    assert steps == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_a_held_block_goes_on() -> None:
    with pytest.raises(ValueError, match="mine"), held():
        raise ValueError("mine")


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with watched():
            signal.raise_signal(signal.SIGTERM)
            check()
            assert stopping.received() is None
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_see_the_flag_and_install_nothing() -> None:
    seen: list[BaseException] = []

    def work() -> None:
        with held():
            pass
        try:
            check()
        except Stopped as stop:
            seen.append(stop)

    with watched():
        signal.raise_signal(signal.SIGINT)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(seen) == 1


def test_what_a_stop_leaves_is_said_until_the_next_watch() -> None:
    with watched():
        assert stopping.remains() is None
        stopping.leaves("all is written")
        assert stopping.remains() == "all is written"
    with watched():
        assert stopping.remains() is None
