"""What can be wrong with an app or its settings, each as one sentence for the developer."""


class HostFault(Exception):
    """The host cannot start; the message says what is wrong, where, and what to do."""


class FunctionFault(Exception):
    """One function cannot be listened for; the others run. The message says why and what to do."""
