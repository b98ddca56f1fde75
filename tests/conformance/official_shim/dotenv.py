"""Stands in for python-dotenv, which the official client's tests import: settings are in the environment already."""


def load_dotenv() -> bool:
    return False
