"""The queue between two threads."""

from __future__ import annotations

import threading

import pytest

from rtstyle.channel import Channel, Closed


def test_items_come_out_in_order() -> None:
    channel: Channel[int] = Channel(3)
    for number in range(3):
        channel.put(number)
    assert [channel.get() for _ in range(3)] == [0, 1, 2]


def test_a_newest_channel_drops_the_oldest_and_counts_it() -> None:
    channel: Channel[int] = Channel(1, newest=True)
    for number in range(5):
        channel.put(number)
    assert channel.get() == 4
    assert channel.dropped == 4
    assert channel.get_nowait() is None


def test_a_full_channel_waits_until_there_is_room() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    writer = threading.Thread(target=channel.put, args=(2,), daemon=True)
    writer.start()
    writer.join(0.05)
    assert writer.is_alive()
    assert channel.get() == 1
    assert channel.get(timeout=5) == 2
    writer.join(5)
    assert not writer.is_alive()


def test_a_closed_channel_can_be_read_to_its_end() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.close()
    assert channel.get() == 1
    with pytest.raises(Closed):
        channel.get()
    with pytest.raises(Closed):
        channel.put(2)


def test_abort_wakes_whoever_waits() -> None:
    channel: Channel[int] = Channel(1)
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(Closed):
            channel.get()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    channel.abort()
    assert ended.wait(5)


def test_get_gives_up_after_its_timeout() -> None:
    with pytest.raises(TimeoutError):
        Channel[int](1).get(timeout=0.01)
