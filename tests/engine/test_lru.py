"""What was used last stays, within its bounds."""

from klantbeeld.engine.lru import LRU


def test_the_least_recently_used_is_dropped_first() -> None:
    kept: LRU[str, int] = LRU(entries=2, size=100)
    kept.put("a", 1, size=1)
    kept.put("b", 2, size=1)
    kept.get("a")
    kept.put("c", 3, size=1)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]


def test_bytes_are_a_bound_as_well() -> None:
    kept: LRU[str, int] = LRU(entries=10, size=100)
    for number, key in enumerate("abc"):
        kept.put(key, number, size=40)
    assert (len(kept), kept.size) == (2, 80)
    assert "a" not in kept


def test_what_grows_may_drive_out_others() -> None:
    kept: LRU[str, int] = LRU(entries=10, size=100)
    kept.put("a", 1, size=40)
    kept.put("b", 2, size=40)
    kept.grow("b", 30)
    assert (kept.get("a"), kept.get("b"), kept.size) == (None, 2, 70)
    kept.grow("a", 30)
    assert kept.size == 70


def test_what_is_larger_than_the_room_is_not_kept_and_drives_out_nothing() -> None:
    kept: LRU[str, int] = LRU(entries=10, size=100)
    kept.put("a", 1, size=40)
    kept.put("b", 2, size=101)
    assert (kept.get("a"), kept.get("b")) == (1, None)


def test_what_is_put_again_is_counted_once() -> None:
    kept: LRU[str, int] = LRU(entries=10, size=100)
    kept.put("a", 1, size=40)
    kept.put("a", 2, size=30)
    assert (kept.get("a"), kept.size) == (2, 30)
    assert kept.pop("a") == 2
    assert (kept.size, len(kept)) == (0, 0)
