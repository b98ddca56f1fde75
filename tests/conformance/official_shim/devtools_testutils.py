"""Stands in for the Azure SDK's test tools: no recordings, every test is live against the emulator.

The names are those that the official client's tests import.
"""

import os
from collections.abc import Callable

import pytest

from tests.conformance.tokens import LocalCredential, PlainHttpBearerPolicy

# Seconds between two looks at an operation; the SDK's own 30 would make the tests take hours.
POLLING_INTERVAL = 0.05


def is_live() -> bool:
    return True


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """There is no proxy."""


def _no_sanitizer(*_arguments: object, **_named: object) -> None:
    pass


add_body_key_sanitizer = add_body_regex_sanitizer = add_general_regex_sanitizer = _no_sanitizer
add_general_string_sanitizer = add_header_regex_sanitizer = add_uri_regex_sanitizer = _no_sanitizer
remove_batch_sanitizers = _no_sanitizer


def recorded_by_proxy(test: Callable[..., None]) -> Callable[..., None]:
    return test


class EnvironmentVariableLoader:
    """Hands a test the settings that its parameters name, from the environment or else the given defaults."""

    def __init__(self, _directory: str, **defaults: str) -> None:
        self._settings = {name: os.environ.get(name.upper(), value) for name, value in defaults.items()}

    def __call__(self, test: Callable[..., None]) -> Callable[..., None]:
        wanted = test.__code__.co_varnames[1 : test.__code__.co_argcount]

        def run(case: object) -> None:
            test(case, **{name: self._settings[name] for name in wanted})

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run


class AzureRecordedTestCase:
    """Makes the client."""

    def get_credential(self, _client_class: type, **_options: object) -> LocalCredential:
        return LocalCredential()

    def create_client_from_credential(
        self, client_class: Callable[..., object], credential: LocalCredential, **options: object
    ) -> object:
        policy = PlainHttpBearerPolicy()
        return client_class(
            credential=credential, authentication_policy=policy, polling_interval=POLLING_INTERVAL, **options
        )
