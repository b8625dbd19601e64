"""Lines: where in a document things stand, found without reading the document again for each of them.

graphql-core reads a document from its beginning to its end whenever an error is made. An answer may have thousands of
errors, and a document thousands of lines.
"""

import re
from bisect import bisect_left
from functools import cached_property
from typing import Any

from graphql import GraphQLError, Source, SourceLocation

_END_OF_LINE = re.compile(r"\r\n|[\n\r]")  # GraphQL, section 2.1.2


class Lines(Source):
    """The text of a document, which knows where its lines begin."""

    @cached_property
    def _ends(self) -> tuple[list[int], list[int]]:
        """Where each line but the last ends, and where the next one begins."""
        found = [match.span() for match in _END_OF_LINE.finditer(self.body)]
        return [start for start, _ in found], [end for _, end in found]

    def get_location(self, position: int) -> SourceLocation:
        """Return line and column of a position, both counted from 1."""
        ends, begins = self._ends
        line = bisect_left(ends, position)
        return SourceLocation(line + 1, position + 1 - (begins[line - 1] if line else 0))


def placed_like(at: GraphQLError, message: str, **more: Any) -> GraphQLError:
    """Make an error at the places of another one, which are not looked for again."""
    made = GraphQLError(message, **more)
    made.nodes, made.source, made.positions, made.locations = at.nodes, at.source, at.positions, at.locations
    return made
