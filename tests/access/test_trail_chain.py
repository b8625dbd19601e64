"""What binds an entry to the one before."""

import hmac

import pytest

from klantbeeld.access.trail_chain import keyed


@pytest.mark.parametrize("length", [32, 63, 64, 65, 200])
def test_the_code_is_hmac_sha_256_whatever_the_length_of_the_key(length: int) -> None:
    key, code = bytes(range(length)), keyed(bytes(range(length)))
    for message in (b"", b"x", b"y" * 1_000):
        assert code(message) == hmac.digest(key, message, "sha256")
