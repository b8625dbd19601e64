"""Tokens of a syntax tree, let go once it is made, and the text that its nodes point into.

graphql-core keeps every token of a document, each with its neighbours, reachable from every node. Nobody looks at them
again, and they are a third of the objects that the garbage collector has to walk for as long as the document is kept;
without them a tree has no cycles, so it is gone as soon as it is dropped.
"""

from typing import Final

from graphql import DocumentNode, Node, Token, TokenKind

from klantbeeld.engine.lines import Lines

NOWHERE: Final = Token(TokenKind.SOF, 0, 0, 0, 0)


def forget_tokens(tree: DocumentNode, text: str) -> None:
    """Let go of the tokens; where each node begins and ends in the text stays."""
    source = Lines(text)
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        if node.loc:
            node.loc.start_token = node.loc.end_token = NOWHERE
            node.loc.source = source
        for key in node.keys:
            value = getattr(node, key, None)
            if isinstance(value, Node):
                waiting.append(value)
            elif isinstance(value, tuple | list):
                waiting.extend(item for item in value if isinstance(item, Node))
