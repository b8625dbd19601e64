"""Reading from the sandbox's Dataverse: rows, collections, what they lead to, and how they are shown."""

from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import Person, Population

API = "/api/data/v9.2"
ANNOTATED = {"prefer": 'odata.include-annotations="*"'}
FORMATTED = "OData.Community.Display.V1.FormattedValue"
NOBODY = "00000000-0000-0000-0000-000000000001"


def contact_id(person: Person) -> str:
    record = person.record("dataverse")
    assert record is not None
    return record.record_id


async def rows(client: httpx.AsyncClient, path: str, **options: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/{path}", params={f"${name}": value for name, value in options.items()})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


@pytest.mark.asyncio
async def test_row_by_guid_has_its_etag_and_its_context(client: httpx.AsyncClient, sanne: Person) -> None:
    answer = (await client.get(f"{API}/contacts({contact_id(sanne)})")).json()
    assert answer["@odata.context"] == f"https://crm.example{API}/$metadata#contacts/$entity"
    assert answer["@odata.etag"] == f'W/"{answer["versionnumber"]}"'
    assert (answer["firstname"], answer["middlename"], answer["lastname"]) == ("Sanne", "de", "Wit")
    assert answer["fullname"] == "Sanne de Wit"


@pytest.mark.asyncio
async def test_row_by_alternate_key_is_the_same_row(client: httpx.AsyncClient, sanne: Person) -> None:
    record = sanne.record("dataverse")
    assert record is not None
    answer = await client.get(f"{API}/contacts(new_customernumber='{record.customer_number}')?$select=lastname")
    assert answer.json()["contactid"] == record.record_id


@pytest.mark.asyncio
async def test_select_gives_the_columns_and_the_key(client: httpx.AsyncClient, sanne: Person) -> None:
    answer = (await client.get(f"{API}/contacts({contact_id(sanne)})?$select=firstname,birthdate")).json()
    assert set(answer) == {"@odata.context", "@odata.etag", "firstname", "birthdate", "contactid"}
    assert answer["@odata.context"].endswith("$metadata#contacts(firstname,birthdate)/$entity")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"contacts({NOBODY})", 404, "0x80040217"),
        ("contacts(new_customernumber='none')", 404, "0x80040217"),
        ("contacts(lastname='Wit')", 400, "0x80060891"),
        ("contacts(nonsense)", 400, "0x80060888"),
        ("people", 404, "0x8006088a"),
        ("contacts?$select=FirstName", 400, "0x0"),
        ("contacts?$skip=5", 400, "0x80060888"),
        ("contacts?$top=-1", 400, "0x80060888"),
        ("contacts?$orderby=nothing", 400, "0x0"),
        ("contacts?$orderby=lastname sideways", 400, "0x80060888"),
        ("contacts?$expand=nothing", 400, "0x0"),
        ("contacts?$expand=parentcustomerid_account($skip=1)", 400, "0x80060888"),
        ("contacts?$filter=lastname eq", 400, "0x80060888"),
        ("contacts?$skiptoken=mine", 400, "0x80060888"),
    ],
)
@pytest.mark.asyncio
async def test_bad_read_is_refused_with_a_code(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await client.get(f"{API}/{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


@pytest.mark.asyncio
async def test_method_that_a_resource_does_not_have_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put(f"{API}/contacts({NOBODY})", json={})).status_code == 405


@pytest.mark.asyncio
async def test_formatted_values_stand_beside_choices_flags_days_and_lookups(
    client: httpx.AsyncClient, population: Population
) -> None:
    person = population.member("de-ketting").persons[0]
    answer = (await client.get(f"{API}/contacts({contact_id(person)})", headers=ANNOTATED)).json()
    assert person.organisation is not None
    assert answer[f"statecode@{FORMATTED}"] == "Active"
    assert answer[f"donotemail@{FORMATTED}"] == "Allow"
    assert answer[f"_parentcustomerid_value@{FORMATTED}"] == person.organisation.name
    assert answer["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert (
        answer["_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"]
        == "parentcustomerid_account"
    )


@pytest.mark.asyncio
async def test_annotations_can_be_asked_by_name(client: httpx.AsyncClient, sanne: Person) -> None:
    asked = {"prefer": f'odata.include-annotations="{FORMATTED}"'}
    answer = await client.get(f"{API}/contacts({contact_id(sanne)})", headers=asked)
    assert answer.headers["preference-applied"] == f'odata.include-annotations="{FORMATTED}"'
    assert answer.json()[f"birthdate@{FORMATTED}"] == "5/17/1988"
    plain = await client.get(f"{API}/contacts({contact_id(sanne)})")
    assert not [name for name in plain.json() if FORMATTED in name]


@pytest.mark.asyncio
async def test_order_expands_to_its_lines_deliveries_and_currency(client: httpx.AsyncClient, sanne: Person) -> None:
    order = sanne.orders[0]
    (found,) = await rows(
        client,
        "salesorders",
        filter=f"salesorderid eq {order.record_id}",
        select="ordernumber,totalamount",
        expand="order_details($select=productnumber,quantity;$orderby=lineitemnumber),"
        "new_salesorder_new_delivery($select=new_trackingnumber),transactioncurrencyid($select=isocurrencycode)",
    )
    assert found["ordernumber"] == order.number
    assert [line["productnumber"] for line in found["order_details"]] == [line.product.sku for line in order.lines]
    assert [each["new_trackingnumber"] for each in found["new_salesorder_new_delivery"]] == [
        each.tracking for each in order.deliveries
    ]
    assert found["transactioncurrencyid"]["isocurrencycode"] == "EUR"
    assert found["totalamount"] == float(sum(line.quantity * line.unit_price for line in order.lines))


@pytest.mark.asyncio
async def test_expand_nests_and_narrows(client: httpx.AsyncClient, sanne: Person) -> None:
    inner = "order_customer_contacts($select=ordernumber;$orderby=submitdate desc;$top=1;$expand=order_details($top=1))"
    answer = await client.get(f"{API}/contacts({contact_id(sanne)})", params={"$select": "lastname", "$expand": inner})
    (order,) = answer.json()["order_customer_contacts"]
    newest = max(sanne.orders, key=lambda each: each.placed_at)
    assert order["ordernumber"] == newest.number
    assert len(order["order_details"]) == 1


@pytest.mark.asyncio
async def test_lookup_that_is_empty_expands_to_null(client: httpx.AsyncClient, sanne: Person) -> None:
    answer = await client.get(f"{API}/contacts({contact_id(sanne)})?$expand=parentcustomerid_account")
    assert answer.json()["parentcustomerid_account"] is None


@pytest.mark.asyncio
async def test_navigation_leads_to_the_related_rows(client: httpx.AsyncClient, sanne: Person) -> None:
    found = await rows(client, f"contacts({contact_id(sanne)})/order_customer_contacts", select="ordernumber")
    assert {row["ordernumber"] for row in found} == {order.number for order in sanne.orders}


@pytest.mark.asyncio
async def test_navigation_leads_to_one_row_or_to_nothing(client: httpx.AsyncClient, population: Population) -> None:
    company = population.member("de-ketting").persons[0]
    found = await client.get(f"{API}/contacts({contact_id(company)})/parentcustomerid_account?$select=new_kvknumber")
    assert company.organisation is not None
    assert found.json()["new_kvknumber"] == company.organisation.kvk
    person = population.member("sanne-de-wit").persons[0]
    nothing = await client.get(f"{API}/contacts({contact_id(person)})/parentcustomerid_account")
    assert nothing.status_code == 204


@pytest.mark.asyncio
async def test_many_rows_come_in_one_call_by_their_ids(client: httpx.AsyncClient, population: Population) -> None:
    known = [person for person in population.people if person.record("dataverse")][:5]
    values = ",".join(f"'{contact_id(person)}'" for person in known)
    found = await rows(
        client,
        "contacts",
        filter=f"Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=[{values}])",
        select="contactid",
    )
    assert {row["contactid"] for row in found} == {contact_id(person) for person in known}


@pytest.mark.asyncio
async def test_filter_reaches_over_a_lookup(client: httpx.AsyncClient, population: Population) -> None:
    company = population.member("de-ketting").persons[0]
    assert company.organisation is not None
    text = f"parentcustomerid_account/new_kvknumber eq '{company.organisation.kvk}'"
    assert [row["contactid"] for row in await rows(client, "contacts", filter=text)] == [contact_id(company)]


@pytest.mark.asyncio
async def test_order_puts_empty_values_first_and_can_be_turned(client: httpx.AsyncClient) -> None:
    upwards = [row["birthdate"] for row in await rows(client, "contacts", select="birthdate", orderby="birthdate")]
    downwards = [
        row["birthdate"] for row in await rows(client, "contacts", select="birthdate", orderby="birthdate desc")
    ]
    assert upwards == sorted(upwards, key=lambda value: value or "")
    assert downwards == sorted(downwards, key=lambda value: value or "", reverse=True)
    assert upwards[0] is None


@pytest.mark.asyncio
async def test_count_comes_with_the_rows_and_by_itself(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"{API}/contacts?$count=true&$top=1&$select=lastname")).json()
    alone = await client.get(f"{API}/contacts/$count")
    assert len(answer["value"]) == 1
    assert answer["@odata.count"] > 1
    assert alone.text == f"\ufeff{answer['@odata.count']}"


@pytest.mark.asyncio
async def test_unchanged_row_is_not_sent_again(client: httpx.AsyncClient, sanne: Person) -> None:
    path = f"{API}/contacts({contact_id(sanne)})?$select=lastname"
    etag = (await client.get(path)).json()["@odata.etag"]
    assert (await client.get(path, headers={"if-none-match": etag})).status_code == 304
    assert (await client.get(path, headers={"if-none-match": 'W/"1"'})).status_code == 200
    expanded = await client.get(f"{path}&$expand=parentcustomerid_account", headers={"if-none-match": etag})
    assert expanded.status_code == 200


@pytest.mark.asyncio
async def test_timeline_is_one_collection_with_what_each_kind_has_of_its_own(
    client: httpx.AsyncClient, population: Population
) -> None:
    person = population.member("daan-van-dijk").persons[0]
    found = await rows(
        client,
        "activitypointers",
        filter=f"_regardingobjectid_value eq {contact_id(person)}",
        select="subject,activitytypecode,actualend",
        expand="activity_pointer_phonecall($select=directioncode,new_channel),"
        "activity_pointer_email($select=directioncode),activity_pointer_task($select=new_directioncode)",
        orderby="actualend desc",
    )
    by_id = {fact.record_id: fact for fact in person.interactions}
    assert {row["activityid"] for row in found} == set(by_id)
    for row in found:
        fact = by_id[row["activityid"]]
        (special,) = row[f"activity_pointer_{fact.kind}"]
        direction = special.get("directioncode", special.get("new_directioncode"))
        assert (row["activitytypecode"], direction) == (fact.kind, fact.direction == "OUT")


@pytest.mark.asyncio
async def test_service_document_names_the_entity_sets(client: httpx.AsyncClient) -> None:
    names = {each["name"] for each in (await client.get(f"{API}/")).json()["value"]}
    assert {"contacts", "accounts", "salesorders", "new_deliveries", "activitypointers", "phonecalls"} <= names


@pytest.mark.asyncio
async def test_token_says_whom_it_stands_for(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"{API}/WhoAmI")).json()
    assert answer["@odata.context"].endswith("#Microsoft.Dynamics.CRM.WhoAmIResponse")
    assert {"BusinessUnitId", "UserId", "OrganizationId"} <= set(answer)
