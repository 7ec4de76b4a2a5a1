from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_query_api.problems import Problem
from sightline_query_api.query_language import (
    MAX_DEPTH,
    And,
    Between,
    Compare,
    Match,
    Node,
    Not,
    Or,
    Present,
    QueryError,
    parse,
    write,
)
from sightline_query_api.query_sql import LOGS, SPANS, Condition, Schema


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        ("  \t\n", None),
        ("timeout", Match("", "timeout")),
        ('"connection refused"', Match("", "connection refused")),
        ("conn*", Match("", "conn", prefix=True)),
        ("*", Present("")),
        ("service:cart", Match("service", "cart")),
        ("http.route:/cart/{id}", Match("http.route", "/cart/{id}")),
        ("url.full:https://a/b?c=d", Match("url.full", "https://a/b?c=d")),
        ('name:"GET /"*', Match("name", "GET /", prefix=True)),
        ('"odd key":"a\\"b\\\\"', Match("odd key", 'a"b\\')),
        ('x:""', Match("x", "")),
        ("x:*", Present("x")),
        ("x:[* TO *]", Present("x")),
        ("duration>=10ms", Compare("duration", ">=", "10ms")),
        ("duration:[1ms TO *]", Between("duration", "1ms", "")),
        ("x:[1 TO 5]", Between("x", "1", "5")),
        ("12:30", Match("", "12:30")),
        ("a-b", Match("", "a-b")),
        ("a b", And((Match("", "a"), Match("", "b")))),
        ("a AND b OR c", Or((And((Match("", "a"), Match("", "b"))), Match("", "c")))),
        ("a (b OR c)", And((Match("", "a"), Or((Match("", "b"), Match("", "c")))))),
        ("-a", Not(Match("", "a"))),
        ("NOT -a", Not(Not(Match("", "a")))),
        ("-(a b)", Not(And((Match("", "a"), Match("", "b"))))),
        ("and or not", And((Match("", "and"), Match("", "or"), Match("", "not")))),
        ('"AND"', Match("", "AND")),
    ],
)
def test_a_query_is_read_as_this_tree(text: str, tree: Node | None) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("(a", 0, "never closed"),
        ("a)", 1, "never opened"),
        ("()", 1, "missing"),
        ('a "b', 2, "quote"),
        ("a AND", 5, "missing"),
        ("OR a", 0, "missing"),
        ("NOT", 3, "missing"),
        ("a:", 2, 'a:""'),
        ("a: b", 2, "missing"),
        ("a:b*c", 3, "at the end"),
        ("a>", 2, "number"),
        ("a:[1 5]", 2, "1 TO 5"),
        ("a:[1 TO 5", 2, "never closed"),
        ("a:[ TO 5]", 2, "1 TO 5"),
        ("a:(b)", 2, "a:b"),
        ('"a"b', 3, "space"),
        ("(" * 60 + "a" + ")" * 60, MAX_DEPTH + 1, "nests deeper"),
        ("-" * 5000 + "a", MAX_DEPTH + 1, "nests deeper"),
        ("NOT " * 4000 + "a", 4 * (MAX_DEPTH + 1), "nests deeper"),
        ("a " * 300, 400, "more than 200 terms"),
        ("a" * 40_000, 32_768, "longer"),
    ],
)
def test_a_wrong_query_is_refused_with_place_and_hint(text: str, position: int, hint: str) -> None:
    with pytest.raises(QueryError, match="cannot read the query") as error:
        parse(text)
    assert (error.value.position, hint in str(error.value)) == (position, True), str(error.value)


_texts = st.text(max_size=20)
_names = st.text(min_size=1, max_size=20)
_bounds = st.text(min_size=1, max_size=10).filter(lambda text: text != "*")
_terms: st.SearchStrategy[Node] = st.one_of(
    st.builds(Match, st.just("") | _names, _texts, st.booleans()),
    st.builds(Present, st.just("") | _names),
    st.builds(Compare, _names, st.sampled_from(["<", "<=", ">", ">="]), _bounds),
    st.builds(Between, _names, _bounds, _bounds),
    st.builds(Between, _names, st.just(""), _bounds),
)


def _combined(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, nodes) | st.builds(And, several) | st.builds(Or, several)


_trees = st.recursive(_terms, _combined, max_leaves=12)


@given(_trees)
def test_what_is_written_reads_back_as_the_same_tree(tree: Node) -> None:
    assert parse(write(tree)) == tree


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    place = None
    try:
        tree = parse(text)
    except QueryError as error:
        place = error.position
    if place is None:
        assert tree is None or parse(write(tree)) == tree
    else:
        assert 0 <= place <= len(text)


@given(_trees, st.sampled_from([SPANS, LOGS]))
def test_no_value_or_key_of_a_query_is_ever_in_the_sql(tree: Node, schema: Schema) -> None:
    marked = _marked(tree)
    where = Condition()
    with suppress(Problem):  # such as a choice that there is not
        where.search(write(marked), schema)
    assert "\ue000" not in where.sql
    assert where.sql.count("{") == where.sql.count("}")


def _marked(node: Node) -> Node:  # noqa: PLR0911 - one case each
    """Return the tree with a character in every text that is in none of our own."""
    mark = "\ue000"
    match node:
        case Match(name, text, prefix):
            return Match(name and name + mark, text + mark, prefix)
        case Present(name):
            return Present(name and name + mark)
        case Compare(name, operator, text):
            return Compare(name + mark, operator, "17")
        case Between(name):
            return Between(name + mark, "17", "18")
        case Not(term):
            return Not(_marked(term))
        case And(terms):
            return And(tuple(_marked(term) for term in terms))
        case Or(terms):
            return Or(tuple(_marked(term) for term in terms))


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("kind:banana", "server"),
        ("status:failed", "unset"),
        ("duration>soon", "unit"),
        ("http.status>high", "number"),
        ("service>5", "no order"),
        ("severity:error", "attributes.severity"),
        ("body:x", "log records"),
    ],
)
def test_a_field_that_cannot_be_asked_so_is_refused_with_a_hint(query: str, hint: str) -> None:
    with pytest.raises(Problem, match="cannot read the query") as problem:
        Condition().search(query, SPANS)
    assert hint in str(problem.value)
    assert problem.value.members == {"position": 0}
