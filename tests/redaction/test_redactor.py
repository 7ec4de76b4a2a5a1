"""The rule pack: what is hidden wherever it stands, and what is never touched."""

from __future__ import annotations

import json
import string
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_redaction.names import SAFE
from sightline_redaction.pack import load
from sightline_redaction.redactor import Redactor

if TYPE_CHECKING:
    import random

CANARY = "kQ7x2canaryW9z"
REDACTOR = Redactor()

BY_NAME = [
    ("password=%s", "password"),
    ("password = %s, user = ada", "password"),
    ('{"api_key": "%s", "a": 1}', "api_key"),
    ('{\\"apiKey\\": \\"%s and more\\"}', "api_key"),
    ("{'client_secret': '%s'}", "secret"),
    ("Credentials(user='ada', password='%s')", "password"),
    ("GET /pay?access_token=%s&page=2", "token"),
    ("token => %s", "token"),
    ("Authorization: Digest %s, realm=x", "authorization"),
    ("authorization=Bearer %s status=200", "authorization"),
    ("Cookie: a=1; session=%s", "cookie"),
    ("PGPASSWORD=%s psql", "password"),
    ("api key: %s", "api_key"),
    ("x=1,password=%s", "password"),
    ("passwords: ['a', '%s']", "password"),
    ("password=ada@example.org!%s", "password"),
]
BY_LOOKS = [
    ("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----", "private_key"),
    ("-----BEGIN PRIVATE KEY-----\n%s, cut", "private_key"),
    ("it was eyJhbGciOi.eyJzd%s.signed", "jwt"),
    ("ghp_%s00000000 was used", "api_key"),
    ("sk-proj-%s0000", "api_key"),
    ("sent Bearer %s", "bearer"),
    ("sent Basic %s==", "bearer"),
    ("postgres://app:%s@db/shop", "url_password"),
    ("redis://:p@%s@db:6379", "url_password"),
    ("to %s@example.org.", "email"),
    ("to ada+%s%%40example.org", "email"),
]
NUMBERS = [
    ("4111111111111111", "card"),
    ("4111 1111 1111 1111", "card"),
    ("3714-496353-98431", "card"),
    ("DE89370400440532013000", "iban"),
    ("DE89 3704 0044 0532 0130 00", "iban"),
    ("gb29nwbk60161331926819", "iban"),
    ("078-05-1120", "ssn"),
    ("AKIAIOSFODNN7EXAMPLE", "aws_key"),
]


@pytest.mark.parametrize(("template", "rule"), BY_NAME + BY_LOOKS)
def test_a_secret_is_replaced_by_a_marker_that_names_the_rule(template: str, rule: str) -> None:
    shown = REDACTOR.text(template % CANARY)

    assert CANARY not in shown
    assert f"[redacted:{rule}]" in shown
    assert REDACTOR.text(shown) == shown


@pytest.mark.parametrize(("number", "rule"), NUMBERS)
def test_numbers_are_known_by_their_check_digits(number: str, rule: str) -> None:
    assert REDACTOR.text(f"paid with {number}, thanks") == f"paid with [redacted:{rule}], thanks"
    assert REDACTOR.text(f"{number}.") == f"[redacted:{rule}]."
    assert REDACTOR.text(f"{number} and more") == f"[redacted:{rule}] and more"


@pytest.mark.parametrize(
    "text",
    [
        "POST /orders/4711",
        "4111 1111 1111 1112",
        "1795387466680368867",
        "1700000000000000",
        "DE89 3704 0044 0532 0130 01",
        "author=ada",
        "spinning: yes",
        "basic authentication is needed",
        "token_count=5 password_length=8",
        "2026-11-22T10:00:00.123456Z",
        "123e4567-e89b-12d3-a456-426614174000",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "http://shop:8080/orders?page=2",
        "[redacted:email] wrote",
        "password=[redacted:password], token: [redacted:token]",
        "",
    ],
)
def test_what_is_no_secret_comes_back_as_the_same_object(text: str) -> None:
    assert REDACTOR.text(text) is text


@given(
    before=st.text(" .,;()<>\n/aZ", max_size=12),
    case=st.sampled_from(BY_NAME + BY_LOOKS),
    secret=st.text(string.ascii_letters + string.digits, min_size=24, max_size=40),
    after=st.text(" .,;()<>\n", max_size=1).flatmap(
        lambda border: (
            st.just("") if not border else st.text("aZ0=: ", max_size=12).map(border.__add__)
        )
    ),
)
def test_no_planted_secret_survives_and_twice_is_once(
    before: str, case: tuple[str, str], secret: str, after: str
) -> None:
    planted = f"{before} {case[0] % secret}{after}"

    shown = REDACTOR.text(planted)

    assert secret not in shown
    assert REDACTOR.text(shown) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**6) | st.text("ab c", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, st.randoms(use_true_random=False))
def test_a_secret_is_found_at_any_depth(tree: Any, chance: random.Random) -> None:
    planted = plant(tree, chance)

    shown = REDACTOR.mapping({"field": planted, "untouched": 5})

    assert shown is not None
    assert CANARY not in json.dumps(shown, default=str)
    assert shown["untouched"] == 5
    assert json.loads(json.dumps(planted)) == planted, "what was given must not change"


@given(st.dictionaries(st.sampled_from(["a", "b.c", "count"]), JSON, max_size=4))
def test_fields_without_secrets_are_left_as_they_are(fields: dict[str, Any]) -> None:
    assert REDACTOR.mapping(fields) is None


@given(st.sampled_from(sorted(load().names._safe)), st.sampled_from(BY_NAME + BY_LOOKS))
def test_safe_fields_are_never_touched(name: str, case: tuple[str, str]) -> None:
    value = case[0] % CANARY

    assert REDACTOR.names.rule(name) == SAFE
    assert REDACTOR.field(name, value) is value


@given(st.text(max_size=300))
def test_any_text_at_all_can_be_redacted_and_twice_is_once(text: str) -> None:
    shown = REDACTOR.text(text)

    assert REDACTOR.text(shown) == shown


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("db.password", "password"),
        ("userPassword", "password"),
        ("MYSQL_PWD", "password"),
        ("http.request.header.authorization", "authorization"),
        ("http.request.header.x-api-key", "api_key"),
        ("set-cookie", "cookie"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("sessionId", "session"),
        ("cardNumber", "card"),
        ("pin", "pin"),
        ("session.id", SAFE),
        ("gen_ai.usage.input_tokens", None),
        ("token_type", None),
        ("author", None),
        ("spinning", None),
        ("", None),
    ],
)
def test_names_of_secrets_are_known_in_every_spelling(name: str, rule: str | None) -> None:
    assert REDACTOR.names.rule(name) == rule


def test_a_name_hides_values_of_every_kind_but_those_that_say_nothing() -> None:
    fields: dict[str, Any] = {
        "password": 1234, "tokens": 7, "api_key": ["a"], "cookies": {"a": 1}, "secret": b"x",
        "token": None, "auth": True, "pin": "",
    }  # fmt: skip

    assert REDACTOR.mapping(fields) == {
        "password": "[redacted:password]", "tokens": 7, "api_key": "[redacted:api_key]",
        "cookies": "[redacted:cookie]", "secret": "[redacted:secret]",
        "token": None, "auth": True, "pin": "",
    }  # fmt: skip


def test_card_numbers_are_found_in_integers_bytes_and_objects_of_the_application() -> None:
    class Card:
        def __str__(self) -> str:
            return "Card(4111111111111111)"

    fields = {"number": 4111111111111111, "raw": b"4111111111111111", "card": Card()}

    assert REDACTOR.mapping(fields) == {
        "number": "[redacted:card]",
        "raw": "[redacted:card]",
        "card": "Card([redacted:card])",
    }


def test_an_object_without_a_text_is_left_to_whoever_shows_it() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    mute = Mute()

    assert REDACTOR.field("thing", mute) is mute


def test_all_literals_of_a_statement_that_names_a_secret_are_hidden() -> None:
    insert = "INSERT INTO users (name, password) VALUES ('ada', 'it''s kQ7x2')"
    select = "SELECT * FROM orders WHERE state = 'paid' AND total = 3"

    assert REDACTOR.field("db.query.text", insert) == (
        "INSERT INTO users (name, password) "
        "VALUES ('[redacted:sql_literal]', '[redacted:sql_literal]')"
    )
    assert REDACTOR.field("db.query.text", select) is select


def test_own_patterns_names_and_safe_fields_are_added_to_the_pack() -> None:
    pack = load({"customer": r"CUST-[0-9]+"}, names=["mothers maiden name"], safe=["auth"])
    redactor = Redactor(pack)

    assert redactor.text("for CUST-77 only") == "for [redacted:customer] only"
    assert redactor.field("mothersMaidenName", "Smith") == "[redacted:custom]"
    assert redactor.field("auth", "oidc") == "oidc"
    assert redactor.field("password", "x") == "[redacted:password]"


@pytest.mark.parametrize(("name", "pattern"), [("bad", "("), ("Not A Name", "x"), ("", "x")])
def test_a_rule_that_cannot_work_is_refused(name: str, pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot use redaction rule"):
        load({name: pattern})


def test_what_is_found_is_counted_by_rule_from_all_threads() -> None:
    redactor = Redactor()
    threads = [
        threading.Thread(
            target=lambda: [redactor.text(f"a{n}@b.org password=x") for n in range(500)]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert redactor.counts == {"email": 4000, "password": 4000}


@pytest.mark.parametrize(
    "part",
    [
        "password=", "a@", "eyJ", "1 ", "Bearer ", "://a:", "DE89", "DE89 ", "4111 ", "{", '"', "'",
        "a.-", 'password="', "password={", "secret \\", "-----BEGIN A-----", "password=)", "=)",
        "%40", "=[redacted:pin]", "password=[",
    ],
)  # fmt: skip
def test_time_is_linear_in_the_length_of_the_text(part: str) -> None:
    def seconds(size: int) -> float:
        text = "token=" + part * (size // len(part))
        started = time.process_time()
        REDACTOR.text(text)
        return time.process_time() - started

    seconds(1000)
    short = min(seconds(20_000) for _ in range(3))
    assert seconds(160_000) < 8 * 4 * short + 0.05  # quadratic time would take 64 times as long


def plant(tree: Any, chance: random.Random) -> Any:
    """Return the tree with the canary somewhere in it."""
    if isinstance(tree, list) and tree:
        place = chance.randrange(len(tree))
        return [plant(item, chance) if i == place else item for i, item in enumerate(tree)]
    if isinstance(tree, dict) and tree:
        name = chance.choice(sorted(tree))
        return {**tree, name: plant(tree[name], chance)}
    return chance.choice(
        [{"password": CANARY}, f"token={CANARY}", [f"Bearer {CANARY}"], {f"{CANARY}@b.org": 1}]
    )
