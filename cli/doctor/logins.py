"""For whom the doctor looks: what each kind of login has to be able to do."""

from enum import StrEnum


class Login(StrEnum):
    """Who uses the command."""

    OPERATOR = "operator"
    PRODUCER = "producer"
