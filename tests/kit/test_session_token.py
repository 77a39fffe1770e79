"""Session tokens: whole or refused, and readable by whoever has the node key."""

import base64
import random

import pytest

from cloudlet.kit.policy.request import Principal
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.session_token import (
    TOKEN_CHARACTERS_MAX,
    InvalidToken,
    SessionClaims,
    SessionTooLarge,
    mint,
    open_token,
)

SEALER = Sealer(bytes(range(32)))
CLAIMS = SessionClaims(
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    account="123456789012",
    principal_arn="arn:aws:sts::123456789012:assumed-role/Reader/nightly",
    user_id="AROA3XFRBF535PLBIFPI4:nightly",
    session_name="nightly",
    role_arn="arn:aws:iam::123456789012:role/Reader",
    role_id="AROA3XFRBF535PLBIFPI4",
    issued_ms=1_767_225_600_000,
    expires_ms=1_767_229_200_000,
)
RICH = SessionClaims(
    **{name: getattr(CLAIMS, name) for name in ("access_key_id", "secret", "account", "principal_arn", "user_id")},
    issued_ms=1,
    expires_ms=2,
    session_policies=('{"Version": "2012-10-17", "Statement": []}' * 40, ""),
    source_identity="Alïce",
    tags={"team": "blue", "empty": ""},
    transitive_tag_keys=("team",),
    mfa_at_ms=1,
    further_context={"aws:FederatedProvider": "accounts.example.com"},
)


@pytest.mark.parametrize("claims", [CLAIMS, RICH], ids=["bare", "rich"])
def test_token_says_what_was_minted(claims):
    assert open_token(SEALER, mint(SEALER, claims)) == claims


def test_another_process_with_the_node_key_reads_it():
    assert open_token(Sealer(bytes(range(32))), mint(SEALER, CLAIMS)) == CLAIMS


def test_another_nodes_token_is_refused():
    with pytest.raises(InvalidToken):
        open_token(Sealer(bytes(32)), mint(SEALER, CLAIMS))


def test_token_looks_like_awss_and_hides_what_it_carries():
    token = mint(SEALER, CLAIMS)
    assert token.startswith("IQoJ")
    assert 300 < len(token) < 1000
    assert CLAIMS.secret.encode() not in base64.b64decode(token)
    assert mint(SEALER, CLAIMS) != token


def test_any_altered_character_is_refused():
    token = mint(SEALER, CLAIMS)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    pick = random.Random(3)
    for position in range(len(token)):
        other = pick.choice([letter for letter in letters if letter != token[position]])
        with pytest.raises(InvalidToken):
            open_token(SEALER, token[:position] + other + token[position + 1 :])


def test_base64_spelled_otherwise_is_refused():
    claims = CLAIMS
    while not (token := mint(SEALER, claims)).endswith("="):  # the last letter then has bits to spare
        claims = SessionClaims(
            **{**{f: getattr(claims, f) for f in claims.__struct_fields__}, "session_name": claims.session_name + "x"}
        )
    last = token.rstrip("=")[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = token.rstrip("=")[:-1] + letters[letters.index(last) + 1] + "=" * token.count("=")
    assert base64.b64decode(twin) == base64.b64decode(token)
    with pytest.raises(InvalidToken):
        open_token(SEALER, twin)


@pytest.mark.parametrize(
    "token",
    ["", "IQoJ", "not base64!", "ä", "A" * 400, "A" * (TOKEN_CHARACTERS_MAX + 4), "\n", "IQoJAQ=="],
)
def test_anything_else_is_refused(token):
    with pytest.raises(InvalidToken):
        open_token(SEALER, token)


def test_something_sealed_for_another_purpose_is_no_token():
    form = base64.b64decode(mint(SEALER, CLAIMS))[:4]
    sealed = SEALER.seal(b"x", "secret access key", form)
    with pytest.raises(InvalidToken):
        open_token(SEALER, base64.b64encode(form + sealed).decode())


def large(tag_characters):
    pick = random.Random(5)

    def letters(count):
        return "".join(pick.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=count))

    return SessionClaims(
        **{name: getattr(CLAIMS, name) for name in ("access_key_id", "secret", "account", "principal_arn", "user_id")},
        issued_ms=1,
        expires_ms=2,
        session_policies=(letters(2048),),
        tags={letters(64): letters(tag_characters) for _ in range(50)},
    )


def test_session_with_many_tags_and_a_policy_fits_into_a_token():
    assert open_token(SEALER, mint(SEALER, large(100))) == large(100)


def test_session_that_no_request_could_carry_is_refused_when_minted():
    with pytest.raises(SessionTooLarge):
        mint(SEALER, large(256))


def test_claims_name_the_principal_and_its_condition_keys():
    assert CLAIMS.principal() == Principal(
        arn=CLAIMS.principal_arn,
        account="123456789012",
        type="AssumedRole",
        user_id="AROA3XFRBF535PLBIFPI4:nightly",
        name="nightly",
        role_arn="arn:aws:iam::123456789012:role/Reader",
        role_id=CLAIMS.role_id,
    )
    assert CLAIMS.context() == {
        "aws:TokenIssueTime": "2026-01-01T00:00:00Z",
        "aws:MultiFactorAuthPresent": "false",
    }
    assert RICH.context() == {
        "aws:TokenIssueTime": "1970-01-01T00:00:00Z",
        "aws:MultiFactorAuthPresent": "true",
        "aws:SourceIdentity": "Alïce",
        "aws:FederatedProvider": "accounts.example.com",
    }
    assert RICH.principal().tags == {"team": "blue", "empty": ""}
