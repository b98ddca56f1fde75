import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.basics.redact import MAX_TEXT, redact

# What stands before a secret in real texts: nothing, words, quotes, brackets, another URL.
BEFORE = st.sampled_from(["", "Source: ", "'", '"', "(", "see https://a.example/x and ", "url=", "\n", "{'a': '"])
AFTER = st.sampled_from(["", ".", "'", '"', ")", " failed.", "\n", ", and so on"])
SECRET = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map("hunter2".__add__)
URL = st.sampled_from(
    [
        "https://ours.blob.core.windows.net/c/b.tif",
        "http://127.0.0.1:10000/devstoreaccount1/c",
        "https://h",
        "HTTPS://H/",
    ]
)
SAS_FIELD = st.sampled_from(["sv=2024-11-04", "sr=c", "sp=rl", "se=2026-01-01T00%3A00%3A00Z", "spr=https", "si=policy"])


@given(BEFORE, URL, st.lists(SAS_FIELD), SECRET, AFTER)
def test_no_sas_of_a_url_survives(before: str, url: str, fields: list[str], secret: str, after: str) -> None:
    text = f"{before}{url}?{'&'.join([*fields, f'sig={secret}%2B%3D'])}{after}"

    assert "hunter2" not in redact(text)


@given(BEFORE, st.lists(SAS_FIELD), SECRET, st.lists(SAS_FIELD), AFTER)
def test_no_bare_sas_survives(before: str, first: list[str], secret: str, last: list[str], after: str) -> None:
    text = f"{before}?{'&'.join([*first, f'sig={secret}%3D', *last])}{after}"

    assert "hunter2" not in redact(text)
    assert "hunter2" not in redact(text.replace("=", "%3D").replace("&", "%26"))


@given(BEFORE, st.sampled_from(["AccountKey", "SharedAccessSignature", "accountkey"]), SECRET, AFTER)
def test_no_account_key_survives(before: str, name: str, secret: str, after: str) -> None:
    text = f"{before}DefaultEndpointsProtocol=https;AccountName=a;{name}={secret}+/==;EndpointSuffix=core{after}"

    assert "hunter2" not in redact(text)


@given(BEFORE, st.sampled_from(["Bearer", "bearer", "Authorization: Bearer", "Bearer "]), SECRET, AFTER)
def test_no_bearer_token_survives(before: str, scheme: str, secret: str, after: str) -> None:
    assert "hunter2" not in redact(f"{before}{scheme} {secret}-._~+/={after}")


@given(BEFORE, SECRET, SECRET, SECRET, AFTER)
def test_no_jwt_survives(before: str, header: str, claims: str, signature: str, after: str) -> None:
    assert "hunter2" not in redact(f"{before}eyJ{header}.{claims}.{signature}{after}")


@given(
    BEFORE,
    st.text(string.ascii_letters, max_size=5),
    SECRET,
    st.text(string.ascii_letters + "@:!$&*;=~%", max_size=5),
    AFTER,
)
@example(before="", user="me", secret="hunter2", rest="@", after="")
def test_no_password_of_a_url_survives(before: str, user: str, secret: str, rest: str, after: str) -> None:
    text = f"{before}https://{user}:{secret}{rest}{secret}@host.example/path{after}"

    assert "hunter2" not in redact(text)
    assert "host.example/path" in redact(text)


@given(st.text(max_size=3 * MAX_TEXT))
def test_text_is_never_too_long(text: str) -> None:
    assert len(redact(text)) <= MAX_TEXT


@given(st.text(max_size=MAX_TEXT))
def test_to_redact_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Item 'x' does not exist in collection 'y' to delete",
        "Source: https://ours.blob.core.windows.net/cogs/a.tif",
        "Public access is not permitted on this storage account.",
        "the property eo:cloud_cover is 5",
    ],
)
def test_plain_words_are_left_as_they_are(text: str) -> None:
    assert redact(text) == text
