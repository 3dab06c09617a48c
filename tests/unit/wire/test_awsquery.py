"""Forms that clients send, and forms that nobody should: read, or refused as MalformedInput. Answers in XML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated
from xml.etree import ElementTree as ET

import pytest
from msgspec import UNSET

from strongroom.companions.base import IAM, STS, Access, CompanionOperation
from strongroom.errors import MissingAction, SerializationException, ValidationException
from strongroom.operations.base import REQUIRED, Request, Response, Shape, limits
from strongroom.wire import awsquery, constraints, faults


class Tag(Shape, kw_only=True):
    key: Annotated[str, limits(1, 8)] = REQUIRED
    value: str | None = None


class Everything(Request, kw_only=True):
    name: Annotated[str, limits(2, 64)] = REQUIRED
    size: int | None = None
    is_on: bool | None = None
    since: datetime | None = None
    blob: bytes | None = None
    words: list[str] | None = None
    tags: list[Tag] | None = None
    tag: Tag | None = None


def decode(form):
    return awsquery.decode(awsquery.parse_form(form), Everything)


def refused(message, form):
    with pytest.raises(SerializationException) as caught:
        decode(form)
    assert caught.value.message == message
    assert faults.query_fault_of(caught.value) == ("MalformedInput", 400)


# Content types


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=utf-8",
        b"application/x-www-form-urlencoded;charset=UTF-8",
        b'Application/X-WWW-Form-URLEncoded ; Charset="utf-8"',
    ],
)
def test_a_form_in_utf_8_is_spoken(content_type):
    assert awsquery.is_form_request(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"application/x-amz-json-1.1",
        b"multipart/form-data",
        b"application/x-www-form-urlencoded; charset=iso-8859-1",
        b"application/x-www-form-urlencoded; charset=utf-8; boundary=x",
        b"application/x-www-form-urlencodedx",
    ],
)
def test_nothing_else_is_spoken(content_type):
    assert not awsquery.is_form_request(content_type)


# Forms


def test_a_form_is_percent_encoded_utf_8():
    assert awsquery.parse_form(b"a=%C3%A9+%2B&b%2Ec==1=&c=&d") == {"a": "é +", "b.c": "=1=", "c": "", "d": ""}
    assert awsquery.parse_form(b"") == {}


def test_a_plus_sign_of_a_query_string_is_what_the_signature_says():
    assert awsquery.parse_form(b"a=1+2%203", is_query_string=True) == {"a": "1+2 3"}


@pytest.mark.parametrize("form", [b"a=%", b"a=%1", b"a=%zz", b"%=1", b"a=%C3", b"a=\xc3\x28", b"a=%ED%A0%80"])
def test_a_form_in_another_encoding_is_refused(form):
    refused("The parameters must be percent-encoded UTF-8.", form)


@pytest.mark.parametrize("form", [b"Name=a&Name=a", b"Name=a&x=1&N%61me=b", b"Nobody+knows=1&Nobody%20knows=2"])
def test_a_repeated_parameter_is_refused(form):
    name = "Nobody knows" if form.startswith(b"Nobody") else "Name"
    refused(f"The parameter {name} must not be repeated.", form)


@pytest.mark.parametrize("form", [b"&", b"Name=a&", b"&Name=a", b"Name=a&&x=1", b"=1"])
def test_a_parameter_without_a_name_is_refused(form):
    refused("A parameter must have a name.", form)


def test_a_thousand_parameters_are_the_most():
    form = b"Name=ab&" + b"&".join(b"x%d=" % number for number in range(999))
    assert decode(form).name == "ab"
    refused("A request must not have more than 1000 parameters.", form + b"&y=")


def test_a_very_long_name_is_refused():
    assert decode(b"Name=ab&" + b"x" * 256 + b"=").name == "ab"
    refused("The name of a parameter must not exceed 256 bytes.", b"." * 257)


# Targets


def test_the_target_is_action_and_version():
    assert awsquery.target_of({"Action": "GetUser", "Version": "2010-05-08"}) == ("GetUser", "2010-05-08")
    assert awsquery.target_of({"Action": "GetUser"}) == ("GetUser", "NO_VERSION_SPECIFIED")


@pytest.mark.parametrize("parameters", [{}, {"Action": ""}, {"action": "GetUser"}])
def test_a_missing_action_is_refused(parameters):
    with pytest.raises(MissingAction, match=r"^Missing Action$"):
        awsquery.target_of(parameters)


def test_an_unknown_operation_is_an_invalid_action():
    error = awsquery.unknown_operation("GetUsers", "2010-05-08")
    assert error.message == "Could not find operation GetUsers for version 2010-05-08"
    assert faults.query_fault_of(error) == ("InvalidAction", 400)
    assert len(awsquery.unknown_operation("x" * 9000, "y" * 9000).message) < 400


# Members


def test_every_type_of_member_is_read():
    request = decode(
        b"Action=Test&Version=1&Name=a+b&Size=-12&IsOn=true&Since=2026-11-20T12%3A00%3A00%2B01%3A00&Blob=aGk%3D"
        b"&Words.member.1=x&Words.member.2=&Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=l&Tag.Key=m"
    )
    assert request == Everything(
        name="a b",
        size=-12,
        is_on=True,
        since=datetime(2026, 11, 20, 11, tzinfo=UTC),
        blob=b"hi",
        words=["x", ""],
        tags=[Tag(key="k", value="v"), Tag(key="l")],
        tag=Tag(key="m"),
    )


def test_absent_members_keep_their_default():
    assert decode(b"") == Everything()
    assert decode(b"").name is UNSET


def test_unknown_parameters_are_ignored():
    request = decode(b"Name=ab&Nobody=1&Nobody.member.1=1&Tag.Key=m&Tag.Nobody=1&name=x")
    assert request == Everything(name="ab", tag=Tag(key="m"))


def test_an_empty_list_is_a_name_without_a_value():
    assert decode(b"Words=&Tags=") == Everything(words=[], tags=[])


def test_ten_items_are_in_the_order_of_their_numbers():
    form = b"&".join(b"Words.member.%d=%d" % (number, number) for number in reversed(range(1, 12)))
    assert decode(form).words == [str(number) for number in range(1, 12)]


@pytest.mark.parametrize("position", [b"0", b"2", b"01", b"-1", b"x", b"", "\u0661".encode()])
def test_items_are_counted_from_one(position):
    refused("The items of the list Words must be counted from 1 on.", b"Words.member." + position + b"=x")


def test_a_gap_between_items_is_refused():
    refused("The items of the list Tags must be counted from 1 on.", b"Tags.member.1.Key=k&Tags.member.3.Key=l")


@pytest.mark.parametrize(
    "form",
    [
        b"Words=x",
        b"Words.1=x",
        b"Words.member=x",
        b"Words.Key=x",
        b"Words=&Words.member.1=x",
        b"Words.member.1=x&Words.entry.2=y",
        b"Words.member=&Words.member.1=x",
        b"Words.=x",
    ],
)
def test_what_is_below_a_list_is_called_member(form):
    refused("The parameter Words is a list: its items are called .member.N.", form)


@pytest.mark.parametrize(
    ("form", "name"),
    [(b"Name.member.1=x", "Name"), (b"Name=ab&Name.Key=x", "Name"), (b"Words.member.1.Key=x", "Words.member.1")],
)
def test_a_single_value_has_nothing_below_it(form, name):
    refused(f"The parameter {name} is a single value.", form)


@pytest.mark.parametrize(("form", "name"), [(b"Tag=x", "Tag"), (b"Tag=", "Tag"), (b"Tags.member.1=x", "Tags.member.1")])
def test_a_structure_has_no_value_of_its_own(form, name):
    refused(f"The parameter {name} is a structure and has no value of its own.", form)


@pytest.mark.parametrize(
    "text", [b"", b"x", b"1.0", b"+1", b"--1", b"%201", b"1e3", b"0x1", b"1_0", b"9" * 19, "٣".encode()]
)
def test_an_integer_is_digits(text):
    refused("The parameter Size must be an integer.", b"Size=" + text)


@pytest.mark.parametrize(("text", "value"), [(b"true", True), (b"1", True), (b"false", False), (b"0", False)])
def test_a_boolean_is_one_of_four_words(text, value):
    assert decode(b"IsOn=" + text).is_on is value


@pytest.mark.parametrize("text", [b"", b"TRUE", b"True", b"yes", b"2", b"true%20"])
def test_a_boolean_in_other_words_is_refused(text):
    refused("boolean must follow xsd1.1 definition", b"IsOn=" + text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"2026-11-20",
        b"2026-11-20T12:00:00",
        b"2026-11-20 12:00:00Z",
        b"2026-13-20T12:00:00Z",
        b"1795176000",
        b"20261120T120000Z",
        b"0001-01-01T00:00:00%2B23:59",
        b"0000-01-01T00:00:00Z",
        b"2026-11-20T12:00:00.Z",
    ],
)
def test_an_instant_is_iso_8601_with_an_offset(text):
    refused("The parameter Since must be an instant in ISO 8601.", b"Since=" + text)


@pytest.mark.parametrize("text", [b"x", b"aGk", b"a%20Gk%3D", b"%C3%A9%C3%A9"])
def test_bytes_are_base64(text):
    refused("The parameter Blob must be base64.", b"Blob=" + text)


def test_a_long_name_is_shown_in_part():
    with pytest.raises(SerializationException) as caught:
        decode(b"Name" + b".x" * 120 + b"=1&Tag." + b"y" * 240 + b"=1&Name." + b"z" * 240 + b"=1")
    assert len(caught.value.message) < 200


def test_limits_are_told_in_the_sentence_of_all_services():
    with pytest.raises(ValidationException) as caught:
        constraints.check(decode(b"Name=a&Tags.member.1.Key=k&Tags.member.2.Value=v"))
    assert caught.value.message == (
        "2 validation errors detected: Value 'a' at 'name' failed to satisfy constraint: "
        "Member must have length greater than or equal to 2; "
        "Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null"
    )
    assert faults.query_fault_of(caught.value) == ("ValidationError", 400)


def test_a_type_that_no_form_can_hold_is_a_programming_error():
    class Odd(Request, kw_only=True):
        ratio: float | None = None

    with pytest.raises(TypeError, match="a form cannot hold"):
        awsquery.decode({}, Odd)


# Answers


class Told(Response, kw_only=True):
    text: str | None = None
    size: int = 0
    is_truncated: bool = False
    since: datetime | None = None
    blob: bytes | None = None
    tags: list[Tag] | None = None
    summary: dict[str, int] | None = None
    arn: str | None = None


def operation(service=STS, result=Told):
    return CompanionOperation(
        service=service,
        name="Tell",
        request=Request,
        result=result,
        access=Access.PROVEN,
        resource=lambda _request, _account_id, _principal: "*",
        mutates=False,
        handler=lambda _call, _request: None,
        shown_request=(),
        shown_response=(),
    )


def result_of(response):
    answer = awsquery.encode(operation(), response, "id").decode()
    head = '<TellResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><TellResult>'
    tail = "</TellResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></TellResponse>"
    assert answer.startswith(head)
    assert answer.endswith(tail)
    return answer.removeprefix(head).removesuffix(tail)


def test_false_zero_and_empty_lists_are_written_and_none_is_not():
    assert result_of(Told()) == "<Size>0</Size><IsTruncated>false</IsTruncated>"
    assert result_of(Told(tags=[], text="", is_truncated=True)) == (
        "<Text></Text><Size>0</Size><IsTruncated>true</IsTruncated><Tags></Tags>"
    )


def test_every_type_of_member_is_written():
    zone = timezone(timedelta(hours=1))
    told = Told(
        since=datetime(2026, 11, 20, 13, 0, 0, 999_999, tzinfo=zone),
        blob=b"hi",
        tags=[Tag(key="k", value="v"), Tag(key="l")],
        summary={"Users<": 1},
    )
    assert result_of(told) == (
        "<Size>0</Size><IsTruncated>false</IsTruncated><Since>2026-11-20T12:00:00Z</Since><Blob>aGk=</Blob>"
        "<Tags><member><Key>k</Key><Value>v</Value></member><member><Key>l</Key></member></Tags>"
        "<Summary><entry><key>Users&lt;</key><value>1</value></entry></Summary>"
    )


def test_an_operation_without_a_result_answers_the_request_id():
    assert awsquery.encode(operation(IAM, None), None, "id") == (
        b'<TellResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        b"<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></TellResponse>"
    )


@pytest.mark.parametrize(
    "code", [0x9, 0xA, 0xD, 0x20, 0x26, 0x3C, 0x3E, 0x7F, 0x85, 0x2028, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x10FFFF]
)
def test_a_character_that_xml_allows_comes_back(code):
    answer = ET.fromstring(awsquery.encode(operation(), Told(text=f"a{chr(code)}b]]>"), "id"))
    assert answer.findtext("*/{*}Text") == f"a{chr(code)}b]]>"


@pytest.mark.parametrize("code", [0x0, 0x1, 0x8, 0xB, 0xC, 0xE, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_a_character_that_xml_does_not_allow_is_replaced(code):
    answer = ET.fromstring(awsquery.encode(operation(), Told(text=f"a{chr(code)}b"), "id"))
    assert answer.findtext("*/{*}Text") == "a\ufffdb"


def test_a_type_that_xml_cannot_hold_is_a_programming_error():
    with pytest.raises(TypeError, match="XML cannot hold"):
        awsquery.encode(operation(), Told(text=1.5), "id")
