"""The closed sets of words as GraphQL enums; made before any type that has a member of one."""

import inspect
from enum import Enum

import strawberry

from klantbeeld.sdk import words
from klantbeeld.sources.questions import SourceState

PUBLISHED: tuple[type[Enum], ...] = (
    words.AccountState,
    words.AuthorKind,
    words.Category,
    words.Channel,
    words.ComplaintState,
    words.ConsentStatus,
    words.ContactKind,
    words.DeliveryStatus,
    words.Direction,
    words.InteractionKind,
    words.InvoiceState,
    words.MatchKind,
    words.OrderStatus,
    words.PartyKind,
    words.PartyStatus,
    words.Priority,
    words.ProductStatus,
    words.Sensitivity,
    words.Guard,
    words.WriteSafety,
    SourceState,
)

for each in PUBLISHED:
    strawberry.enum(each, description=inspect.getdoc(each))
