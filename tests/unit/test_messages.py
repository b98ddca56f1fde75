import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.basics.errors import BadMessage
from shared.messages.decoding import decode_body, read_object
from shared.messages.envelope import correlation_id_of
from shared.messages.models import MAX_HREF, CollectionMessage, DeletionMessage, IfExists, ItemMessage, Message
from shared.messages.reading import dump_message, parse_item_message, parse_message
from shared.messages.sizes import MAX_FIELDS_BYTES
from tests.data.documents import collection, item

BODY = json.dumps({"href": "https://a.example/é.json"}, ensure_ascii=False).encode()
HREF = "https://a.example/item.json"


def refusal(kind: type[Message], fields: dict[str, Any]) -> str:
    with pytest.raises(BadMessage) as caught:
        parse_message(kind, fields)
    return caught.value.message


# Decoding


@pytest.mark.parametrize(
    "raw",
    [
        BODY,
        b"  \r\n" + BODY + b"\n",
        b"\xef\xbb\xbf" + BODY,
        base64.b64encode(BODY),
        base64.b64encode(BODY) + b"\n",
        base64.b64encode(BODY)[:20] + b"\r\n" + base64.b64encode(BODY)[20:],
        base64.b64encode(b"\xef\xbb\xbf" + BODY),
        base64.b64encode(b"\n " + BODY + b" "),
    ],
)
def test_plain_text_and_base64_are_decoded(raw: bytes) -> None:
    assert decode_body(raw) == BODY


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16 of the other end": lambda text: text.encode("utf-16-be"),
    "as a JSON string": lambda text: json.dumps(text).encode(),
}


@given(
    st.dictionaries(st.text("aé", max_size=2), st.text(max_size=3), max_size=3),
    st.sampled_from(list(ENCODINGS)),
    st.integers(0, 2),
    st.sampled_from(["", "\r\n"]),
)
def test_texts_are_read_however_producers_wrap_them(
    fields: dict[str, str], encoding: str, times: int, around: str
) -> None:
    raw = ENCODINGS[encoding](json.dumps(fields, indent=2).replace("\n", "\r\n"))
    for _ in range(times):
        raw = base64.b64encode(raw)
    raw = around.encode() + raw + around.encode() if times or encoding == "UTF-8" else raw

    assert read_object(decode_body(raw)) == fields


def test_base64_may_be_there_twice_but_not_for_ever() -> None:
    twice = base64.b64encode(base64.b64encode(BODY))

    assert decode_body(twice) == BODY
    with pytest.raises(BadMessage, match="neither JSON nor base64"):
        decode_body(base64.b64encode(base64.b64encode(twice)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Collection": "scenes"}, "Collection: There is no such key; did you mean collection?"),
        ({"if_exists": 1}, "if_exists: it must be the word replace, skip or fail"),
        ({"collection": 7}, "collection: it must be text"),
        ({"unknown": None}, "unknown: There is no such key"),
    ],
)
def test_what_a_producer_wrote_otherwise_is_named(fields: dict[str, Any], said: str) -> None:
    message = refusal(ItemMessage, {"href": HREF, **fields})

    assert said in message
    assert not any(name in message for name in ("crashes", "offset", "retry_since", "Input should"))


def test_null_is_the_same_as_nothing_and_words_may_have_capitals() -> None:
    optional = dict.fromkeys(ItemMessage.model_fields.keys() - {"href"})

    assert parse_item_message({"href": HREF, **optional}) == ItemMessage(href=HREF)
    assert parse_item_message({"href": HREF, "if_exists": "Skip"}).if_exists is IfExists.SKIP


@pytest.mark.parametrize("raw", [b"hello", b"***", "é".encode(), b"abc", b"ab=c", b'"x"', b'"{}', b'""'])
def test_what_is_neither_json_nor_base64_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage, match="neither JSON nor base64"):
        decode_body(raw)


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    for sent in (raw, base64.b64encode(raw)):
        try:
            fields = read_object(decode_body(sent))
        except BadMessage:
            continue
        assert isinstance(fields, dict)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_any_object_is_read_in_both_encodings(fields: dict[str, Any]) -> None:
    try:
        body = json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # a key that is no text: it cannot be sent
    assert read_object(decode_body(body)) == fields
    assert read_object(decode_body(base64.b64encode(body))) == fields


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"[]", "a list"), (b'"x"', "but text"), (b"null", "but null"), (b"{", "not JSON"), (b"", "not JSON")],
)
def test_what_is_no_object_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BadMessage, match=said):
        read_object(body)


# Queue items


def test_a_bare_item_is_a_message() -> None:
    message = parse_item_message(item())

    assert message.item == item()
    assert message.if_exists is IfExists.REPLACE
    assert not message.force


def test_all_fields_of_an_item_message() -> None:
    message = parse_item_message(
        {
            "href": HREF,
            "collection": "scenes",
            "if_exists": "skip",
            "force": True,
            "version_by": "s2:generation_time",
            "drop_assets": ["preview"],
            "correlation_id": "c-1",
            "traceparent": "00-1-2-01",
            "attempt": 3,
            "first_enqueued": "2026-04-16T10:00:00Z",
            "retry_since": "2026-04-16T10:00:00+02:00",
            "offset": 2000,
            "crashes": 1,
        }
    )

    assert message.if_exists is IfExists.SKIP
    assert message.first_enqueued == datetime(2026, 4, 16, 10, tzinfo=UTC)
    assert message.retry_since == datetime(2026, 4, 16, 8, tzinfo=UTC)


@pytest.mark.parametrize("fields", [{"item": item(), "href": HREF}, {"item": None, "href": None}])
def test_exactly_one_of_item_and_href(fields: dict[str, Any]) -> None:
    assert "exactly one of item and href" in refusal(ItemMessage, fields)


def test_a_message_without_item_and_href_is_explained() -> None:
    with pytest.raises(BadMessage, match="neither a STAC Item nor an ItemCollection"):
        parse_item_message({"collection": "scenes"})


def test_unknown_fields_are_refused_and_named() -> None:
    message = refusal(ItemMessage, {"href": HREF, "colection": "scenes", "forse": True})

    assert "colection" in message
    assert "forse" in message


def test_unknown_fields_of_a_message_sent_again_are_left_out() -> None:
    message = parse_message(ItemMessage, {"href": HREF, "attempt": 0, "of_a_newer_version": 1})

    assert message.href == HREF


@pytest.mark.parametrize(
    "wrong",
    [
        {"if_exists": "overwrite"},
        {"force": "yes"},
        {"force": 1},
        {"version_by": ""},
        {"drop_assets": "preview"},
        {"drop_assets": [1]},
        {"collection": 7},
        {"attempt": "5"},
        {"attempt": -1},
        {"attempt": 1.5},
        {"attempt": True},
        {"attempt": 2**31},
        {"offset": 10**30},
        {"first_enqueued": "2026-04-16T10:00:00"},
        {"first_enqueued": 1776333600},
        {"retry_since": "1776333600"},
        {"first_enqueued": "0001-01-01T00:00:00Z"},
        {"first_enqueued": "9999-12-31T23:59:59Z"},
        {"retry_since": "yesterday"},
        {"correlation_id": "x" * 201},
        {"correlation_id": 7},
        {"traceparent": {}},
    ],
)
def test_wrong_values_are_refused_with_the_name_of_the_field(wrong: dict[str, Any]) -> None:
    assert next(iter(wrong)) in refusal(ItemMessage, {"href": HREF, **wrong})


def test_a_refusal_shows_no_value() -> None:
    assert "hunter2" not in refusal(ItemMessage, {"href": HREF, "if_exists": "hunter2", "force": "hunter2"})


def test_an_href_has_a_length() -> None:
    assert "href" in refusal(ItemMessage, {"href": "https://a.example/" + "x" * MAX_HREF})
    assert "href" in refusal(ItemMessage, {"href": ""})


def test_fields_that_could_not_be_sent_again_are_refused() -> None:
    assert "shorten" in refusal(ItemMessage, {"href": HREF, "drop_assets": ["x" * MAX_FIELDS_BYTES]})
    large = item(properties={"datetime": "2026-04-16T10:00:00Z", "text": "x" * MAX_FIELDS_BYTES})
    assert parse_message(ItemMessage, {"item": large}).item == large


# Queue collections


@pytest.mark.parametrize(
    "source", [{"definition": collection()}, {"href": HREF}, {"planetary_computer": "sentinel-2-l2a"}]
)
def test_a_collection_comes_from_one_of_three(source: dict[str, Any]) -> None:
    parse_message(CollectionMessage, source)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"collection": "scenes"},
        {"definition": collection(), "href": HREF},
        {"href": HREF, "planetary_computer": "x"},
    ],
)
def test_exactly_one_source_of_a_collection(fields: dict[str, Any]) -> None:
    assert "exactly one of definition, href and planetary_computer" in refusal(CollectionMessage, fields)


@pytest.mark.parametrize("thumbnail", [{}, {"href": HREF, "data": "aGk="}, {"path": "x.png"}, "x.png"])
def test_exactly_one_source_of_a_thumbnail(thumbnail: object) -> None:
    assert "thumbnail" in refusal(CollectionMessage, {"href": HREF, "thumbnail": thumbnail})


def test_a_schema_for_editors_is_allowed() -> None:
    parse_message(CollectionMessage, {"$schema": "./collections.schema.json", "href": HREF})
    parse_message(CollectionMessage, {"$schema": "./collections.schema.json", "href": HREF, "attempt": 1})


@pytest.mark.parametrize(
    "wrong",
    [{"mosaics": {}}, {"render_options": ["x"]}, {"prune": "yes"}, {"tile_settings": []}, {"partition_type": "month"}],
)
def test_wrong_parts_of_a_collection_are_refused(wrong: dict[str, Any]) -> None:
    assert next(iter(wrong)) in refusal(CollectionMessage, {"href": HREF, **wrong})


# Queue deletions


@pytest.mark.parametrize("target", [{"id": "scene-1"}, {"confirm": "scenes"}])
def test_a_deletion_names_one_item_or_confirms(target: dict[str, Any]) -> None:
    parse_message(DeletionMessage, {"collection": "scenes", **target})


@pytest.mark.parametrize("target", [{}, {"id": "scene-1", "confirm": "scenes"}])
def test_exactly_one_target_of_a_deletion(target: dict[str, Any]) -> None:
    assert "exactly one of id and confirm" in refusal(DeletionMessage, {"collection": "scenes", **target})


def test_a_deletion_needs_a_collection() -> None:
    assert "collection: it is missing" in refusal(DeletionMessage, {"id": "scene-1"})


# Sending again


def test_what_is_dumped_is_read_again() -> None:
    message = parse_message(
        CollectionMessage, {"$schema": "x", "href": HREF, "thumbnail": {"data": "aGk="}, "prune": True, "attempt": 2}
    )

    assert parse_message(CollectionMessage, dump_message(message)) == message


def test_a_made_up_correlation_id_is_the_same_for_the_same_message() -> None:
    moment = datetime(2026, 4, 16, tzinfo=UTC)

    assert correlation_id_of(b"a", moment) == correlation_id_of(b"a", moment)
    assert correlation_id_of(b"a", moment) != correlation_id_of(b"b", moment)
    assert correlation_id_of(b"a", moment) != correlation_id_of(b"a", moment.replace(day=17))
