"""OpenID Connect providers: whose tokens roles may trust.

Rules:
- A provider is known by its URL, which stays as it was written (documented); it is shown without scheme.
- At most 100 client ids and five thumbprints; adding a client id that is there, removing one that is not, and
  deleting a provider that is not there, succeed (documented).
- Thumbprints are kept and shown, but prove nothing here: an issuer is proven by the keys that were pinned, or by
  its certificate's authority. Hence a list may be left out, and none is fetched.
- The keys that an operator pinned are not of this API: no operation changes them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from strongroom import ids
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import NoMembers, changes, creates, everything, reads, the_provider
from strongroom.companions.iam.paging import named_entities
from strongroom.domain import iam_limits, iam_names, iam_tags
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind, IdentityProvider, arn_of
from strongroom.domain.principal import Principal
from strongroom.operations.base import REQUIRED, Request, Response, Shape


class CreateProviderRequest(Request, kw_only=True):
    url: shapes.ProviderUrl = REQUIRED
    client_ids: list[shapes.ClientId] | None = msgspec.field(name="ClientIDList", default=None)
    thumbprint_list: list[shapes.Thumbprint] | None = None
    tags: shapes.Tags | None = None


class CreateProviderResponse(Response, kw_only=True):
    provider_arn: str = msgspec.field(name="OpenIDConnectProviderArn")
    tags: list[shapes.Tag] | None = None


class GetProviderResponse(Response, kw_only=True):
    url: str
    client_ids: list[str] = msgspec.field(name="ClientIDList")
    thumbprint_list: list[str]
    create_date: datetime
    tags: list[shapes.Tag] | None = None


class ProviderEntry(Shape, kw_only=True):
    arn: str


class ListProvidersResponse(Response, kw_only=True):
    providers: list[ProviderEntry] = msgspec.field(name="OpenIDConnectProviderList")


class ClientIdRequest(shapes.ProviderRequest, kw_only=True):
    client_id: shapes.ClientId = msgspec.field(name="ClientID", default=REQUIRED)


class UpdateThumbprintRequest(shapes.ProviderRequest, kw_only=True):
    thumbprint_list: list[shapes.Thumbprint] = REQUIRED


def create_provider(call: CompanionCall, request: CreateProviderRequest) -> CreateProviderResponse:
    identities = call.tx.identities
    name = iam_names.provider_name(request.url)
    client_ids, thumbprints = _distinct(request.client_ids), _distinct(request.thumbprint_list)
    iam_limits.require_client_ids(len(client_ids))
    iam_limits.require_thumbprints(len(thumbprints))
    tags = iam_tags.merge(IdentityKind.PROVIDER, (), shapes.domain_tags(request.tags))
    if identities.find(IdentityKind.PROVIDER, call.account_id, name) is not None:
        raise iam_names.already_exists(IdentityKind.PROVIDER, request.url)
    iam_limits.require_room_for(IdentityKind.PROVIDER, identities.count(IdentityKind.PROVIDER, call.account_id))
    provider = IdentityProvider(
        account_id=call.account_id,
        name=name,
        unique_id=ids.unique_id(call.entropy, UNIQUE_ID_PREFIXES[IdentityKind.PROVIDER]),
        created_at=call.now,
        tags=tags,
        client_ids=client_ids,
        thumbprints=thumbprints,
    )
    identities.insert(provider)
    return CreateProviderResponse(provider_arn=provider.arn, tags=entities.shown_tags(tags))


def get_provider(call: CompanionCall, request: shapes.ProviderRequest) -> GetProviderResponse:
    provider = entities.get_provider(call, request.provider_arn)
    return GetProviderResponse(
        url=provider.name,
        client_ids=list(provider.client_ids),
        thumbprint_list=list(provider.thumbprints),
        create_date=provider.created_at,
        tags=entities.shown_tags(provider.tags),
    )


def list_providers(call: CompanionCall, _request: NoMembers) -> ListProvidersResponse:
    found = named_entities(call, IdentityKind.PROVIDER, None)
    return ListProvidersResponse(providers=[ProviderEntry(arn=provider.arn) for provider in found])


def delete_provider(call: CompanionCall, request: shapes.ProviderRequest) -> None:
    provider = entities.find_provider(call, request.provider_arn)
    if provider is not None:
        call.tx.identities.delete(provider)


def add_client_id(call: CompanionCall, request: ClientIdRequest) -> None:
    provider = entities.get_provider(call, request.provider_arn)
    client_ids = _distinct([*provider.client_ids, request.client_id])
    iam_limits.require_client_ids(len(client_ids))
    call.tx.identities.put(replace(provider, client_ids=client_ids))


def remove_client_id(call: CompanionCall, request: ClientIdRequest) -> None:
    provider = entities.get_provider(call, request.provider_arn)
    client_ids = tuple(client_id for client_id in provider.client_ids if client_id != request.client_id)
    call.tx.identities.put(replace(provider, client_ids=client_ids))


def update_thumbprints(call: CompanionCall, request: UpdateThumbprintRequest) -> None:
    provider = entities.get_provider(call, request.provider_arn)
    thumbprints = _distinct(request.thumbprint_list)
    iam_limits.require_thumbprints(len(thumbprints))
    call.tx.identities.put(replace(provider, thumbprints=thumbprints))


def _distinct(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts or ()))


def _new_provider(request: CreateProviderRequest, account_id: str, _principal: Principal | None) -> str:
    return arn_of(IdentityKind.PROVIDER, account_id, "/", request.url.removeprefix("https://"))


OPERATIONS = (
    creates(
        "CreateOpenIDConnectProvider",
        CreateProviderRequest,
        create_provider,
        resource=_new_provider,
        result=CreateProviderResponse,
    ),
    reads(
        "GetOpenIDConnectProvider",
        shapes.ProviderRequest,
        GetProviderResponse,
        get_provider,
        resource=the_provider,
    ),
    reads("ListOpenIDConnectProviders", NoMembers, ListProvidersResponse, list_providers, resource=everything),
    changes("DeleteOpenIDConnectProvider", shapes.ProviderRequest, delete_provider, resource=the_provider),
    changes("AddClientIDToOpenIDConnectProvider", ClientIdRequest, add_client_id, resource=the_provider),
    changes("RemoveClientIDFromOpenIDConnectProvider", ClientIdRequest, remove_client_id, resource=the_provider),
    changes(
        "UpdateOpenIDConnectProviderThumbprint",
        UpdateThumbprintRequest,
        update_thumbprints,
        resource=the_provider,
    ),
)
