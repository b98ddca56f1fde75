"""What can be wrong with an app or its settings, each as one sentence for the developer."""


class HostFault(Exception):
    """The host cannot start; the message says what is wrong, where, and what to do."""


class IndexingFault(HostFault):
    """The app cannot be imported or indexed; the host runs on without a function, as the Functions host does.

    Attributes:
        stack: The runtime's traceback.
    """

    def __init__(self, message: str, stack: str) -> None:
        super().__init__(message)
        self.stack = stack


class FunctionFault(Exception):
    """One function cannot be listened for; the others run. The message says why and what to do."""
