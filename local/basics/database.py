"""The working store of an emulator: a temporary SQLite file, so that memory stays flat however much is posted."""

import sqlite3

# Pages of the file that are kept in memory: 64 MiB (negative means KiB).
_CACHE_SIZE = -65_536


def open_database() -> sqlite3.Connection:
    """Open an empty database that vanishes when it is closed.

    Returns:
        A connection with a transaction that stays open. It is used by the event loop's thread only.
    """
    # An empty name makes a temporary file that SQLite deletes on close.
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = {_CACHE_SIZE}")
    # One transaction that never ends: nothing here has to outlive the process, and a commit of each statement
    # would cost more with every page that changed since the start.
    connection.execute("BEGIN")
    return connection


def create_tables(connection: sqlite3.Connection, schema: str) -> None:
    """Create tables of an open database.

    Args:
        connection: The database.
        schema: Statements, each ended by a semicolon.
    """
    # Not executescript, which would end the transaction.
    for statement in filter(str.strip, schema.split(";")):
        connection.execute(statement)
