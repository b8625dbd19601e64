"""Each way to prove who calls puts its secrets where nobody logs them, and names what it needs."""

from klantbeeld.sdk.auth import Basic, Bearer, ClientCredentials, FormMembers, NoAuth
from klantbeeld.sdk.calls import Call

CALL = Call(path="/x", record=object)


def test_a_bearer_token_stands_in_the_header() -> None:
    auth = Bearer("token")
    assert auth.needs == ("token",)
    assert auth.apply(CALL, {"token": "t"}).headers == (("authorization", "Bearer t"),)


def test_user_and_password_stand_in_the_header_in_base64() -> None:
    auth = Basic("user", "password")
    assert auth.needs == ("user", "password")
    assert auth.apply(CALL, {"user": "u", "password": "p"}).headers == (("authorization", "Basic dTpw"),)


def test_form_members_are_added_to_the_form() -> None:
    auth = FormMembers((("apiKey", "key"), ("secret", "secret")))
    assert auth.needs == ("key", "secret")
    assert auth.apply(CALL, {"key": "k", "secret": "s"}).form == (("apiKey", "k"), ("secret", "s"))


def test_client_credentials_apply_the_token_that_was_fetched() -> None:
    auth = ClientCredentials("https://login.example/token")
    assert auth.needs == ("client_id", "client_secret")
    assert auth.apply(CALL, {"access_token": "t"}).headers == (("authorization", "Bearer t"),)


def test_no_auth_leaves_the_call_alone() -> None:
    assert NoAuth().apply(CALL, {}) is CALL
