"""What the customer complained about."""

from strawberry import Parent

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.connections import After, Connection, First, merge_pages
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import joined
from klantbeeld.graph.products import HELD, NAMED_PRODUCT, Product
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import COMPLAINTS
from klantbeeld.sdk.words import Category, ComplaintState

COMPLAINED = Data(owner="COMPLAINTS", category=Category.CUSTOM, scope="complaints:read")

# States in which nothing has to be done about a complaint any more.
DONE = frozenset({ComplaintState.SOLVED, ComplaintState.CLOSED})


@published(records.Comment, COMPLAINED)
class Comment(Sourced):
    """Something said about a complaint."""


@published(records.Complaint, COMPLAINED)
class Complaint(Sourced):
    """A complaint."""

    @joined(NAMED_PRODUCT, data=HELD)
    def about(answers: Parent[Answers[records.Product]]) -> Product | None:
        """The product that it is about."""
        return answers.one()

    @joined(Read(COMPLAINTS, "comments", ("first", "after"), ("written_at",), key="record_id"), data=COMPLAINED)
    def comments(
        answers: Parent[Answers[records.Comment]], first: First = 20, after: After = None
    ) -> Connection[Comment] | None:
        """What was said about it, newest first."""
        return merge_pages(answers, by=lambda comment: comment.written_at, first=first)


def is_open(complaint: records.Complaint) -> bool:
    """Say whether something still has to be done; a complaint without a state counts as open."""
    return complaint.state not in DONE
