"""What ``$filter`` means, over rows of a small made-up table."""

import pytest

from klantbeeld.sandbox.dataverse.columns import Kind
from klantbeeld.sandbox.dataverse.errors import Refused, no_such_property
from klantbeeld.sandbox.dataverse.filters import parse_filter

KINDS = {
    "lastname": Kind.TEXT,
    "middlename": Kind.TEXT,
    "contactid": Kind.GUID,
    "birthdate": Kind.DAY,
    "createdon": Kind.MOMENT,
    "donotemail": Kind.FLAG,
    "gendercode": Kind.CHOICE,
    "amount": Kind.NUMBER,
    "account/name": Kind.TEXT,
}
ROW = {
    "lastname": "O'Brien",
    "middlename": None,
    "contactid": "b65a83df-332e-5f84-8e18-6d560e9fbfa6",
    "birthdate": "1988-05-17",
    "createdon": "2026-01-02T03:04:05Z",
    "donotemail": False,
    "gendercode": 2,
    "amount": 12.5,
    "account/name": "De Ketting",
}


def kind_of(path: str) -> Kind:
    if path not in KINDS:
        raise no_such_property(path, "contact")
    return KINDS[path]


def holds(text: str, **aliases: str) -> bool:
    condition = parse_filter(text, kind_of, aliases={f"@{name}": value for name, value in aliases.items()})
    return condition.holds(ROW.get)


@pytest.mark.parametrize(
    "text",
    [
        "lastname eq 'O''Brien'",
        "lastname eq 'o''BRIEN'",
        "lastname ne 'Jansen'",
        "middlename eq null",
        "middlename ne 'van'",
        "lastname ne null",
        "contactid eq b65a83df-332e-5f84-8e18-6d560e9fbfa6",
        "contactid eq B65A83DF-332E-5F84-8E18-6D560E9FBFA6",
        "contactid eq 'b65a83df-332e-5f84-8e18-6d560e9fbfa6'",
        "birthdate eq 1988-05-17",
        "birthdate lt 1990-01-01",
        "createdon ge 2026-01-02T03:04:05Z",
        "createdon lt 2026-01-02T05:00:00+01:00",
        "createdon gt 2026-01-02",
        "donotemail eq false",
        "gendercode eq 2",
        "amount gt 12.25",
        "amount le 12.50",
        "contains(lastname,'bri')",
        "startswith(lastname,'O''')",
        "endswith(lastname,'en')",
        "not contains(lastname,'xyz')",
        "not (lastname eq 'Jansen' or gendercode eq 1)",
        "lastname eq 'Jansen' or gendercode eq 2 and donotemail eq false",
        "(lastname eq 'Jansen' or gendercode eq 2) and donotemail eq false",
        "account/name eq 'de ketting'",
        "Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=['Jansen','O''Brien'])",
        'Microsoft.Dynamics.CRM.In(PropertyName=\'gendercode\',PropertyValues=["1","2"])',
        "Microsoft.Dynamics.CRM.NotIn(PropertyName='lastname',PropertyValues=['Jansen'])",
    ],
)
def test_condition_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "lastname eq 'Brien'",
        "lastname eq null",
        "middlename eq ''",
        "birthdate gt 1988-05-17",
        "createdon gt 2026-01-03",
        "donotemail eq true",
        "contains(middlename,'a')",
        "lastname eq 'O''Brien' and gendercode eq 1",
        "middlename gt 'a'",
        "Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=[])",
        "Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=['00000000-0000-0000-0000-000000000001'])",
    ],
)
def test_condition_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_list_function_takes_its_arguments_from_aliases() -> None:
    text = "Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)"
    assert holds(text, p1="'lastname'", p2="['O''Brien']")
    assert not holds(text, p1="'lastname'", p2="['Jansen']")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lastname",
        "lastname eq",
        "lastname = 'x'",
        "lastname in ('a','b')",
        "lastname eq 'x' and",
        "(lastname eq 'x'",
        "lastname eq 'x')",
        "lastname eq 'unclosed",
        "lastname eq 5",
        "birthdate eq 'yesterday'",
        "birthdate eq 2026-13-01",
        "gendercode eq 'Female'",
        "donotemail eq 0",
        "tolower(lastname) eq 'x'",
        "contains(lastname,5)",
        "contains(lastname)",
        "Microsoft.Dynamics.CRM.In(PropertyName='lastname')",
        "Microsoft.Dynamics.CRM.In(PropertyName=@gone,PropertyValues=@too)",
        "nickname eq 'x'",
        "not " * 200 + "donotemail eq true",
        "(" * 200 + "donotemail eq true" + ")" * 200,
    ],
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        holds(text)
    assert refusal.value.status == 400
    assert refusal.value.message


def test_unknown_column_is_named() -> None:
    with pytest.raises(Refused, match=r"property named 'nickname' on type 'Microsoft\.Dynamics\.CRM\.contact'"):
        holds("nickname eq 'x'")
