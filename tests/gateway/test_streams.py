"""Streams have places, and end when the gateway stops."""

import pytest

from klantbeeld.errors import Overloaded
from klantbeeld.gateway.streams import Streams

pytestmark = pytest.mark.asyncio


async def test_a_place_beyond_the_most_is_refused_until_one_is_given_back() -> None:
    streams = Streams(1)
    place = streams.take()
    with pytest.raises(Overloaded) as caught:
        streams.take()
    assert caught.value.retry_after > 0
    streams.give_back(place)
    assert len(streams) == 0
    streams.give_back(streams.take())


async def test_closing_ends_all_and_takes_no_more() -> None:
    streams = Streams(5)
    places = [streams.take(), streams.take()]
    streams.close()
    assert all(place.done() for place in places)
    with pytest.raises(Overloaded):
        streams.take()
