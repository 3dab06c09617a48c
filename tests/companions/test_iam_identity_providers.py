"""OpenID Connect providers: known by their URL, with client ids, thumbprints and tags."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.identity import IdentityKind
from strongroom.errors import EntityAlreadyExists, InvalidInput, LimitExceeded, NoSuchEntity, ValidationException
from support.factories import ACCOUNT_ID

URL = "https://oidc.example.com/id/X"
ARN = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/oidc.example.com/id/X"
THUMBPRINT = "a" * 40


def test_a_provider_is_told_as_it_was_made(iam):
    tags = [{"Key": "k", "Value": "v"}]
    made = iam(
        "CreateOpenIDConnectProvider",
        Url=URL,
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=[THUMBPRINT],
        Tags=tags,
    )
    assert made == {"OpenIDConnectProviderArn": ARN, "Tags": tags}
    shown = iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    assert (shown["Url"], shown["ClientIDList"]) == ("oidc.example.com/id/X", ["sts.amazonaws.com"])
    assert (shown["ThumbprintList"], shown["Tags"]) == ([THUMBPRINT], tags)
    assert iam("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == [{"Arn": ARN}]


def test_a_url_is_taken_once_and_case_counts(iam):
    iam("CreateOpenIDConnectProvider", Url=URL)
    with pytest.raises(EntityAlreadyExists, match=f"^Provider with url {URL} already exists.$"):
        iam("CreateOpenIDConnectProvider", Url=URL)
    iam("CreateOpenIDConnectProvider", Url=URL.replace("X", "x"))
    iam("CreateOpenIDConnectProvider", Url="https://kubernetes.internal:6443/")


@pytest.mark.parametrize(
    "url",
    [
        "http://oidc.example.com",
        "oidc.example.com",
        "https://",
        "https://a/?b",
        "https://a#b",
        "https://a b",
        "https://u@a",
    ],
)
def test_a_url_that_no_issuer_has_is_refused(iam, url):
    with pytest.raises(ValidationException, match=r"^Invalid Open ID Connect Provider URL$"):
        iam("CreateOpenIDConnectProvider", Url=url)


def test_client_ids_come_and_go(iam):
    iam("CreateOpenIDConnectProvider", Url=URL, ClientIDList=["a"])
    for client_id in ("b", "b"):
        iam("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, ClientID=client_id)
    for client_id in ("a", "unknown"):
        iam("RemoveClientIDFromOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, ClientID=client_id)
    assert iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)["ClientIDList"] == ["b"]


def test_there_are_bounds(iam):
    many = [f"client-{number}" for number in range(101)]
    sentence = "^Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100$"
    with pytest.raises(LimitExceeded, match=sentence):
        iam("CreateOpenIDConnectProvider", Url=URL, ClientIDList=many)
    iam("CreateOpenIDConnectProvider", Url=URL, ClientIDList=many[:100])
    with pytest.raises(LimitExceeded, match=sentence):
        iam("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, ClientID="one more")
    thumbprints = [f"{number:040}" for number in range(6)]
    iam("UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=ARN, ThumbprintList=thumbprints[:5])
    with pytest.raises(InvalidInput, match=r"Thumbprint list must contain fewer than 5 entries."):
        iam("UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=ARN, ThumbprintList=thumbprints)
    assert iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)["ThumbprintList"] == thumbprints[:5]


def test_a_provider_is_deleted_also_when_it_is_not_there(iam):
    iam("CreateOpenIDConnectProvider", Url=URL)
    for _ in range(2):
        iam("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    with pytest.raises(NoSuchEntity, match=f"^OpenIDConnect Provider not found for arn {ARN}$"):
        iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    with pytest.raises(InvalidInput):
        iam("GetOpenIDConnectProvider", OpenIDConnectProviderArn=f"arn:aws:iam::{ACCOUNT_ID}:saml-provider/x")


def test_tags_of_providers_differ_by_case(iam):
    iam("CreateOpenIDConnectProvider", Url=URL)
    tags = [{"Key": "K", "Value": "1"}, {"Key": "k", "Value": "2"}]
    iam("TagOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, Tags=tags)
    assert iam("ListOpenIDConnectProviderTags", OpenIDConnectProviderArn=ARN)["Tags"] == tags
    iam("UntagOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, TagKeys=["K"])
    assert iam("ListOpenIDConnectProviderTags", OpenIDConnectProviderArn=ARN)["Tags"] == tags[1:]


def test_the_keys_that_were_pinned_stay(iam):
    iam("CreateOpenIDConnectProvider", Url=URL)
    storage = iam.deployment.node.storage

    def pin(tx):
        provider = tx.identities.find(IdentityKind.PROVIDER, ACCOUNT_ID, "oidc.example.com/id/X")
        tx.identities.put(replace(provider, key_set='{"keys":[]}'))

    storage.write(pin)
    iam("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, ClientID="a")
    iam("UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=ARN, ThumbprintList=[THUMBPRINT])
    iam("TagOpenIDConnectProvider", OpenIDConnectProviderArn=ARN, Tags=[{"Key": "a", "Value": "b"}])
    assert storage.read(lambda tx: tx.identities.find_by_arn(ARN)).key_set == '{"keys":[]}'
