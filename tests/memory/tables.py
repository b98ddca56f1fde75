"""The table service of an account in memory.

Source of its rules: learn.microsoft.com/rest/api/storageservices/table-service-rest-api and, for the form of answers,
what Azurite 3.37 answers to the SDK.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.memory.table_filters import comparable, read_filter
from tests.memory.wire import Answer, Call, RefusedError, read_call

# Limits of the service (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model and
# …/performing-entity-group-transactions).
_MAX_KEY = 512  # characters: 1 KiB of UTF-16
_MAX_TEXT = 32 * 1024  # characters: 64 KiB of UTF-16
_MAX_BINARY = 64 * 1024
_MAX_ENTITY = 1024 * 1024
_MAX_COLUMNS = 252
_MAX_TRANSACTION = 100
_MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
_PAGE = 1000

_TEXT = r"'((?:[^']|'')*)'"
_ENTITY = re.compile(rf"(\w+)\(PartitionKey={_TEXT},RowKey={_TEXT}\)", re.DOTALL)
_NOT_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_SYSTEM = frozenset({"PartitionKey", "RowKey", "Timestamp"})
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_JSON = {"Content-Type": "application/json;odata=minimalmetadata"}


@dataclass(frozen=True)
class _Entity:
    """One row: its columns as JSON has them, the types that JSON does not tell, and its version."""

    columns: Mapping[str, Any]
    types: Mapping[str, str]
    etag: str

    def value(self, name: str) -> object:
        """Return a column as filters compare it; None where there is none."""
        return _read_value(self.columns.get(name), self.types.get(name))


_Partition = dict[str, _Entity]
_Table = dict[str, _Partition]


class TableService:
    """Tables with their rows.

    Args:
        now: tells the present moment.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._tables: dict[str, _Table] = {}
        self._last_tick = 0

    def answer(self, call: Call) -> Answer:
        """Answer one request."""
        try:
            return self._answer(call)
        except RefusedError as refused:
            return Answer(refused.status, {"x-ms-error-code": refused.code, **_JSON}, _error(refused))

    def _answer(self, call: Call) -> Answer:
        if call.path == "$batch":
            return self._transaction(call)
        if call.path == "Tables":
            return self._list_tables() if call.method == "GET" else self._create_table(call)
        if dropped := re.fullmatch(r"Tables\('(\w+)'\)", call.path):
            if self._tables.pop(dropped[1], None) is None:
                raise RefusedError(404, "ResourceNotFound")
            return Answer(204)
        if call.method == "GET":
            return self._query(call) if call.path.endswith("()") else self._get(call)
        etag = self._write(call)
        if call.method == "POST" and call.headers.get("prefer") != "return-no-content":
            table = self._table(call.path)
            body = json.loads(call.body)
            return Answer(201, {"etag": etag, **_JSON}, _text(table[body["PartitionKey"]][body["RowKey"]], None))
        return Answer(204, {"etag": etag} if etag else {})

    # Tables

    def _table(self, name: str) -> _Table:
        if name not in self._tables:
            raise RefusedError(404, "TableNotFound")
        return self._tables[name]

    def _list_tables(self) -> Answer:
        return Answer(
            200, _JSON, json.dumps({"value": [{"TableName": name} for name in sorted(self._tables)]}).encode()
        )

    def _create_table(self, call: Call) -> Answer:
        name = json.loads(call.body)["TableName"]
        if name in self._tables:
            raise RefusedError(409, "TableAlreadyExists")
        self._tables[name] = {}
        return Answer(201, _JSON, json.dumps({"TableName": name}).encode())

    # Reading

    def _get(self, call: Call) -> Answer:
        table, partition, row = _entity_path(call.path)
        entity = self._table(table).get(partition, {}).get(row)
        if entity is None:
            raise RefusedError(404, "ResourceNotFound")
        return Answer(200, {"etag": entity.etag, **_JSON}, _text(entity, call.query.get("$select")))

    def _query(self, call: Call) -> Answer:
        table = self._table(call.path.removesuffix("()"))
        wanted = read_filter(call.query.get("$filter", ""))
        top = min(int(call.query.get("$top", _PAGE)), _PAGE)
        start = tuple(_unpacked(call.query.get(name, "")) for name in ("NextPartitionKey", "NextRowKey"))
        found: list[bytes] = []
        for partition in sorted(filter(wanted.may_match, table), key=comparable):
            for row in sorted(table[partition], key=comparable):
                if _position(partition, row) < _position(*start):
                    continue
                entity = table[partition][row]
                if not wanted.matches(entity.value):
                    continue
                if len(found) == top:
                    names = ("x-ms-continuation-NextPartitionKey", "x-ms-continuation-NextRowKey")
                    return _page(found, dict(zip(names, (_packed(partition), _packed(row)), strict=True)))
                found.append(_text(entity, call.query.get("$select")))
        return _page(found, {})

    # Writing

    def _write(self, call: Call) -> str:
        """Write one row and return its etag; empty where it was deleted."""
        if call.method == "POST":
            columns, types = _read_columns(call.body)
            partition, row = columns["PartitionKey"], columns["RowKey"]
            rows = self._table(call.path).get(partition, {})
            if row in rows:
                raise RefusedError(409, "EntityAlreadyExists")
            return self._put(call.path, columns, types)
        name, partition, row = _entity_path(call.path)
        rows = self._table(name).get(partition, {})
        condition = call.headers.get("if-match")
        if condition and row not in rows:
            raise RefusedError(404, "ResourceNotFound")
        if condition and condition not in {"*", rows[row].etag}:
            raise RefusedError(412, "UpdateConditionNotSatisfied")
        if call.method == "DELETE":
            del rows[row]
            if not rows:
                del self._table(name)[partition]
            return ""
        columns, types = _read_columns(call.body)
        if call.method == "PATCH" and row in rows:
            before = rows[row]
            kept = {name: kind for name, kind in before.types.items() if name not in columns}
            columns, types = {**before.columns, **columns}, {**kept, **types}
        return self._put(name, {**columns, "PartitionKey": partition, "RowKey": row}, types)

    def _put(self, table: str, columns: dict[str, Any], types: Mapping[str, str]) -> str:
        _check(columns, types)
        tick = self._tick()
        columns["Timestamp"] = stamp = _stamp(tick)
        entity = _Entity(
            columns, {**types, "Timestamp": "Edm.DateTime"}, f"W/\"datetime'{stamp.replace(':', '%3A')}'\""
        )
        self._table(table).setdefault(columns["PartitionKey"], {})[columns["RowKey"]] = entity
        return entity.etag

    def _tick(self) -> int:
        """Return the moment in units of 100 ns, never the same one twice, so that each version has its own."""
        self._last_tick = max(self._last_tick + 1, (self._now() - _EPOCH) // timedelta(microseconds=1) * 10)
        return self._last_tick

    # Transactions

    def _transaction(self, call: Call) -> Answer:
        outer = _boundary(call.headers["content-type"].encode())
        changeset = _boundary(call.body.partition(b"\r\n\r\n")[0])
        parts = [_part(text) for text in call.body.split(b"--" + changeset)[1:-1]]
        if len(call.body) > _MAX_TRANSACTION_BYTES:
            raise RefusedError(413, "RequestBodyTooLarge")
        answers: list[bytes] = []
        table = (parts[0].path if parts[0].method == "POST" else _entity_path(parts[0].path)[0]) if parts else ""
        before = {key: dict(rows) for key, rows in self._tables.get(table, {}).items()}
        try:
            _check_parts(parts)
            for part in parts:
                etag = self._write(part)
                answers.append(f"HTTP/1.1 204 No Content\r\n{f'ETag: {etag}' if etag else ''}\r\n\r\n".encode())
        except RefusedError as refused:
            if table in self._tables:
                self._tables[table] = before
            first = f"HTTP/1.1 {refused.status} {refused.status.phrase}\r\nContent-Type: application/json\r\n\r\n"
            answers = [first.encode() + _error(refused)]
        head = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        body = (
            b"--%b\r\nContent-Type: multipart/mixed; boundary=changesetresponse\r\n\r\n" % outer
            + b"".join(b"--changesetresponse\r\n%b%b\r\n" % (head, answer) for answer in answers)
            + b"--changesetresponse--\r\n--%b--\r\n" % outer
        )
        return Answer(202, {"Content-Type": f"multipart/mixed; boundary={outer.decode()}"}, body)


def _entity_path(path: str) -> tuple[str, str, str]:
    found = _ENTITY.fullmatch(path)
    if not found:
        raise RefusedError(400, "InvalidInput")
    return found[1], found[2].replace("''", "'"), found[3].replace("''", "'")


def _read_columns(body: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    document = json.loads(body)
    types = {
        name.removesuffix("@odata.type"): kind
        for name, kind in document.items()
        if name.endswith("@odata.type") and kind not in {"Edm.String", "Edm.Double", "Edm.Int32", "Edm.Boolean"}
    }
    columns = {
        name: value
        for name, value in document.items()
        if "odata" not in name and value is not None and name != "Timestamp"
    }
    return columns, types


def _read_value(value: Any, kind: str | None) -> Any:  # noqa: ANN401 - a value of any type that a column can have
    if kind == "Edm.DateTime":
        return datetime.fromisoformat(str(value))
    if kind == "Edm.Binary":
        return base64.b64decode(str(value))
    return int(value) if kind == "Edm.Int64" else value


def _check(columns: Mapping[str, Any], types: Mapping[str, str]) -> None:
    for name in ("PartitionKey", "RowKey"):
        if _length(columns[name]) > _MAX_KEY or _NOT_IN_KEYS.search(columns[name]):
            raise RefusedError(400, "InvalidInput")
    sizes = {name: _size(value, types.get(name)) for name, value in columns.items()}
    for name, value in columns.items():
        if isinstance(value, str) and sizes[name] > (_MAX_BINARY if types.get(name) == "Edm.Binary" else 2 * _MAX_TEXT):
            raise RefusedError(400, "PropertyValueTooLarge")
    if len(columns.keys() - _SYSTEM) > _MAX_COLUMNS:
        raise RefusedError(400, "TooManyProperties")
    if sum(sizes.values()) + sum(8 + 2 * len(name) for name in columns) > _MAX_ENTITY:
        raise RefusedError(400, "EntityTooLarge")


def _size(value: object, kind: str | None) -> int:
    if kind == "Edm.Binary":
        return len(base64.b64decode(str(value)))
    return 2 * _length(value) if isinstance(value, str) and kind is None else 8


def _length(text: str) -> int:
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def _check_parts(parts: list[Call]) -> None:
    if len(parts) > _MAX_TRANSACTION:
        raise RefusedError(400, "InvalidInput")
    keys: set[str] = set()
    for part in parts:
        key = json.loads(part.body)["RowKey"] if part.method == "POST" else _entity_path(part.path)[2]
        if key in keys:
            raise RefusedError(400, "InvalidDuplicateRow")
        keys.add(key)


def _boundary(headers: bytes) -> bytes:
    return headers.partition(b"boundary=")[2].split(b"\r\n")[0].strip()


def _part(text: bytes) -> Call:
    request, _, body = text.partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")
    first, *lines = request.decode().split("\r\n")
    method, url, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return read_call(method, url, headers, body.removesuffix(b"\r\n"))


def _stamp(tick: int) -> str:
    moment = _EPOCH + timedelta(microseconds=tick // 10)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}{tick % 10}Z"


def _text(entity: _Entity, select: str | None) -> bytes:
    wanted = select.split(",") if select else entity.columns
    document: dict[str, Any] = {"odata.etag": entity.etag}
    for name in wanted:
        if name in entity.columns:
            if name in entity.types and name != "Timestamp":
                document[f"{name}@odata.type"] = entity.types[name]
            document[name] = entity.columns[name]
    return json.dumps(document).encode()


def _page(entities: list[bytes], headers: Mapping[str, str]) -> Answer:
    return Answer(200, {**_JSON, **headers}, b'{"value":[' + b",".join(entities) + b"]}")


def _position(partition: str, row: str) -> tuple[Any, Any]:
    return comparable(partition), comparable(row)


def _packed(key: str) -> str:
    return base64.b64encode(key.encode("utf-8", "surrogatepass")).decode()


def _unpacked(key: str) -> str:
    return base64.b64decode(key).decode("utf-8", "surrogatepass")


def _error(refused: RefusedError) -> bytes:
    message = {"lang": "en-US", "value": refused.status.phrase}
    return json.dumps({"odata.error": {"code": refused.code, "message": message}}).encode()
