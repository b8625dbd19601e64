"""The accounts of this site, in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.sap_customer_data_cloud.errors import GigyaError
from klantbeeld.sandbox.sap_customer_data_cloud.shapes import account_of, milliseconds, stamp


class Store:
    """The accounts by UID. Lives as long as the server, or until its reset."""

    def __init__(self, population: Population, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.accounts: dict[str, dict[str, Any]] = {}
        logins: set[str] = set()
        for person in population.people:
            for record in person.records.get("sap_customer_data_cloud", ()):
                account = account_of(person, record, today=population.today)
                _leave_taken_logins(account, logins)
                self.accounts[account["UID"]] = account

    def account(self, uid: str) -> dict[str, Any]:
        """Return an account. For a UID that nobody has the product says "unauthorized user"."""
        if uid not in self.accounts:
            raise GigyaError(403005)
        return self.accounts[uid]

    def holder_of(self, email: str) -> str | None:
        """Return the UID of the account that logs in with this e-mail address, if there is one."""
        wanted = email.lower()
        for uid, account in self.accounts.items():
            logins = account["loginIDs"]
            if wanted in (each.lower() for each in (*logins["emails"], *logins["unverifiedEmails"])):
                return uid
        return None

    def touch(self, account: dict[str, Any]) -> None:
        """Note that an account was changed now."""
        now = self.clock()
        account |= {"lastUpdated": stamp(now), "lastUpdatedTimestamp": milliseconds(now)}


def _leave_taken_logins(account: dict[str, Any], taken: set[str]) -> None:
    """Keep a login identifier with the account that had it first; the profile may hold the address all the same."""
    free = [email for email in account["loginIDs"]["emails"] if email not in taken]
    account["loginIDs"]["emails"] = free
    taken.update(free)
