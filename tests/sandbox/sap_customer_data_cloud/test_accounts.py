"""Reading and changing accounts."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from klantbeeld.sandbox.facts import System

pytestmark = pytest.mark.asyncio

Call = Callable[..., Awaitable[dict[str, Any]]]
RecordId = Callable[[str, System], str]
EVERYTHING = "profile,data,preferences,subscriptions,emails,loginIDs,lastLoginLocation"
EXTRA = "phones,address,likes,locale"


async def read(call: Call, uid: str) -> dict[str, Any]:
    return await call("accounts.getAccountInfo", UID=uid, include=EVERYTHING, extraProfileFields=EXTRA)


async def test_the_profile_has_who_it_is_with_the_tussenvoegsel_glued_on(call: Call, sanne: str) -> None:
    profile = (await read(call, sanne))["profile"]
    likes = profile.pop("likes")
    assert profile == {
        "firstName": "Sanne",
        "lastName": "de Wit",
        "email": "sanne.dewit@example.nl",
        "gender": "f",
        "age": 38,
        "birthDay": 17,
        "birthMonth": 5,
        "birthYear": 1988,
        "address": "Lindelaan 12-A",
        "zip": "3512 JE",
        "city": "Utrecht",
        "country": "NL",
        "locale": "nl",
        "phones": [{"type": "mobile", "number": "+31612345601"}],
    }
    assert [like["name"] for like in likes] == ["Espresso"]


async def test_every_group_of_data_is_there(call: Call, sanne: str) -> None:
    account = await read(call, sanne)
    data = account["data"]
    assert data["customerNumber"] == "K100001"
    assert data["relations"] == [{"kind": "partner", "name": "Koen de Wit"}]
    assert [each["id"] for each in data["campaigns"]] == ["KB-ACTIE-12"]
    assert [each["productId"] for each in data["productRegistrations"]] == ["KB-KOFFIE-200"]
    assert [each["title"] for each in data["videos"]] == ["Ontkalken in drie stappen"]
    assert [each["about"] for each in data["comments"]] == ["KB-KOFFIE-200"]
    assert data["loginsLast30Days"] == 9
    assert data["contactPreferences"]["contact_channel"]["value"] == "EMAIL"
    assert account["lastLogin"] == "2026-11-18T21:00:00.000Z"
    assert account["lastLoginLocation"]["city"] == "Utrecht"


async def test_a_consent_has_its_notice_and_times(call: Call, sanne: str) -> None:
    preferences = (await read(call, sanne))["preferences"]
    assert preferences["marketing"]["email"] == {
        "isConsentGranted": True,
        "docVersion": 2.0,
        "docDate": "2026-01-01T00:00:00.000Z",
        "lang": "nl",
        "lastConsentModified": "2026-01-24T20:15:00.000Z",
        "actionTimestamp": "2026-01-24T20:15:00.000Z",
        "tags": [],
        "customData": [{"key": "channel", "value": "web"}],
        "entitlements": [],
    }
    assert preferences["profiling"]["isConsentGranted"] is True


async def test_a_subscription_has_its_state_and_opt_in(call: Call, sanne: str) -> None:
    newsletter = (await read(call, sanne))["subscriptions"]["newsletter"]["email"]
    assert (newsletter["isSubscribed"], newsletter["doubleOptIn"]["status"]) == (True, "Confirmed")
    assert newsletter["lastUpdatedSubscriptionState"] == "2026-01-24T20:16:00.000Z"


async def test_without_include_only_profile_and_data_come(call: Call, sanne: str) -> None:
    account = await call("accounts.getAccountInfo", UID=sanne)
    assert {"profile", "data"} <= account.keys()
    assert not {"preferences", "subscriptions", "loginIDs", "emails"} & account.keys()


async def test_only_what_is_included_comes(call: Call, sanne: str) -> None:
    account = await call("accounts.getAccountInfo", UID=sanne, include="preferences")
    assert "preferences" in account
    assert not {"profile", "data"} & account.keys()


async def test_phones_and_likes_come_only_when_asked_for(call: Call, sanne: str) -> None:
    account = await call("accounts.getAccountInfo", UID=sanne)
    assert not {"phones", "address", "likes"} & account["profile"].keys()


async def test_an_include_that_is_unknown_is_refused(call: Call, sanne: str) -> None:
    assert (await call("accounts.getAccountInfo", UID=sanne, include="everything"))["errorCode"] == 400006


@pytest.mark.parametrize("method", ["accounts.getAccountInfo", "accounts.setAccountInfo", "accounts.deleteAccount"])
async def test_an_unknown_uid_is_an_unauthorized_user(call: Call, method: str) -> None:
    body = await call(method, UID="0" * 32)
    assert (body["errorCode"], body["errorMessage"]) == (403005, "Unauthorized user")


async def test_without_uid_the_parameter_is_named(call: Call) -> None:
    assert (await call("accounts.getAccountInfo"))["errorDetails"] == "Missing required parameter: UID"


async def test_what_is_sent_changes_and_the_rest_stays(call: Call, sanne: str) -> None:
    before = await read(call, sanne)
    await call(
        "accounts.setAccountInfo",
        UID=sanne,
        profile=json.dumps({"zip": "1011 AA", "city": None}),
        data=json.dumps({"contactPreferences": {"contact_channel": {"value": "PHONE"}}}),
    )
    after = await read(call, sanne)
    assert after["profile"] == {name: value for name, value in before["profile"].items() if name != "city"} | {
        "zip": "1011 AA"
    }
    changed_at = before["data"]["contactPreferences"]["contact_channel"]["changedAt"]
    assert after["data"]["contactPreferences"]["contact_channel"] == {"value": "PHONE", "changedAt": changed_at}
    assert after["lastUpdated"] == "2026-11-20T12:00:00.000Z"


async def test_a_changed_birth_date_changes_the_age(call: Call, sanne: str) -> None:
    await call("accounts.setAccountInfo", UID=sanne, profile=json.dumps({"birthYear": 2010}))
    assert (await read(call, sanne))["profile"]["age"] == 16


async def test_a_new_email_address_is_unverified(call: Call, sanne: str) -> None:
    await call("accounts.setAccountInfo", UID=sanne, profile=json.dumps({"email": "new@example.nl"}))
    account = await read(call, sanne)
    assert account["profile"]["email"] == "new@example.nl"
    assert account["emails"]["unverified"] == ["new@example.nl"]


async def test_a_withdrawn_consent_gets_time_and_present_notice(call: Call, sanne: str) -> None:
    sent = {"marketing": {"email": {"isConsentGranted": False, "customData": [{"key": "channel", "value": "app"}]}}}
    await call("accounts.setAccountInfo", UID=sanne, preferences=json.dumps(sent))
    preferences = (await read(call, sanne))["preferences"]
    entry = preferences["marketing"]["email"]
    assert (entry["isConsentGranted"], entry["lastConsentModified"], entry["docVersion"]) == (
        False,
        "2026-11-20T12:00:00.000Z",
        2.0,
    )
    assert entry["customData"] == [{"key": "channel", "value": "app"}]
    assert preferences["profiling"]["isConsentGranted"] is True


async def test_a_consent_given_again_keeps_the_time_it_was_first_given(call: Call, sanne: str) -> None:
    sent = {"marketing": {"email": {"isConsentGranted": True}}}
    await call("accounts.setAccountInfo", UID=sanne, preferences=json.dumps(sent))
    entry = (await read(call, sanne))["preferences"]["marketing"]["email"]
    assert entry["lastConsentModified"] == "2026-01-24T20:15:00.000Z"
    assert entry["actionTimestamp"] == "2026-11-20T12:00:00.000Z"


async def test_a_consent_that_was_never_asked_can_be_given(call: Call, record_id: RecordId) -> None:
    daan = record_id("daan-van-dijk", "sap_customer_data_cloud")
    await call("accounts.setAccountInfo", UID=daan, preferences=json.dumps({"partners": {"isConsentGranted": True}}))
    assert (await read(call, daan))["preferences"]["partners"]["isConsentGranted"] is True


async def test_unsubscribing_is_dated(call: Call, sanne: str) -> None:
    sent = {"newsletter": {"email": {"isSubscribed": False}}}
    await call("accounts.setAccountInfo", UID=sanne, subscriptions=json.dumps(sent))
    entry = (await read(call, sanne))["subscriptions"]["newsletter"]["email"]
    assert (entry["isSubscribed"], entry["lastUpdatedSubscriptionState"]) == (False, "2026-11-20T12:00:00.000Z")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"profile": "no json"}, 400004),
        ({"profile": "[]"}, 400004),
        ({"profile": '{"shoeSize": 43}'}, 400009),
        ({"profile": '{"email": "no address"}'}, 400009),
        ({"profile": '{"birthMonth": 13}'}, 400009),
        ({"profile": '{"email": "daan.vandijk@example.com"}'}, 400003),
        ({"preferences": '{"cookies": {"isConsentGranted": true}}'}, 400006),
        ({"preferences": '{"marketing": {"email": {"isConsentGranted": "yes"}}}'}, 400006),
        ({"preferences": '{"marketing": {"fax": {"isConsentGranted": true}}}'}, 400006),
        ({"subscriptions": '{"newsletter": {"email": {}}}'}, 400006),
    ],
)
async def test_what_is_not_valid_is_refused_and_nothing_changes(
    call: Call, sanne: str, parameters: dict[str, str], code: int
) -> None:
    before = await read(call, sanne)
    body = await call("accounts.setAccountInfo", UID=sanne, data='{"note": "x"}', **parameters)
    after = await read(call, sanne)
    assert body["errorCode"] == code
    assert [after[name] for name in ("profile", "data", "preferences", "subscriptions", "lastUpdated")] == [
        before[name] for name in ("profile", "data", "preferences", "subscriptions", "lastUpdated")
    ]


async def test_every_invalid_field_is_named(call: Call, sanne: str) -> None:
    body = await call("accounts.setAccountInfo", UID=sanne, profile='{"email": "x", "shoeSize": 43}')
    assert [each["fieldName"] for each in body["validationErrors"]] == ["profile.email", "profile.shoeSize"]


async def test_an_imported_account_can_be_read(call: Call) -> None:
    made = await call("accounts.importFullAccount", email="nieuw@example.nl", profile='{"firstName": "Nieuw"}')
    assert (await read(call, made["UID"]))["profile"] == {"email": "nieuw@example.nl", "firstName": "Nieuw"}


async def test_importing_a_known_address_fails_or_changes_the_account(call: Call, sanne: str) -> None:
    parameters = {"email": "sanne.dewit@example.nl", "profile": '{"city": "Zeist"}'}
    assert (await call("accounts.importFullAccount", **parameters))["errorCode"] == 400003
    assert (await call("accounts.importFullAccount", **parameters, importPolicy="upsert"))["UID"] == sanne
    assert (await read(call, sanne))["profile"]["city"] == "Zeist"


async def test_a_deleted_account_is_gone(call: Call, sanne: str) -> None:
    assert (await call("accounts.deleteAccount", UID=sanne))["errorCode"] == 0
    assert (await call("accounts.getAccountInfo", UID=sanne))["errorCode"] == 403005
