"""Replies: what a source answered, as bytes, before anybody reads meaning into it."""

import msgspec


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An HTTP answer, whole and decompressed; header names are in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        wanted = name.lower().encode("latin-1")
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)
