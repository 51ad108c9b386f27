"""A FileDescriptorSet as Python objects: just what the generators need, read off the wire."""
import collections
import dataclasses
import struct

HTTP_EXTENSION = 72295728  # google.api.http, of MethodOptions
KINDS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool",
         9: "string", 11: "message", 12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64",
         17: "sint32", 18: "sint64"}
VERBS = {2: "GET", 3: "PUT", 4: "POST", 5: "DELETE", 6: "PATCH"}


def fields(data):
    """number -> list of values: ints, or bytes."""
    found, at = collections.defaultdict(list), 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        elif kind == 2:
            length = varint()
            value, at = data[at:at + length], at + length
        else:
            size = 8 if kind == 1 else 4
            value, at = struct.unpack_from("<Q" if kind == 1 else "<I", data, at)[0], at + size
        found[tag >> 3].append(value)
    return found


def text(found, number):
    return found[number][-1].decode() if found[number] else ""


@dataclasses.dataclass
class Field:
    name: str
    number: int
    kind: str
    type_name: str  # of messages and enums, full
    repeated: bool
    oneof: str
    comment: str = ""

    @property
    def json_name(self):
        head, *rest = self.name.split("_")
        return head + "".join(part[:1].upper() + part[1:] for part in rest)


@dataclasses.dataclass
class Message:
    name: str  # full
    fields: list
    is_map: bool
    comment: str = ""

    @property
    def symbol(self):
        """protobuf-c's name for it."""
        return "__".join(lower(part) for part in self.name.split("."))


@dataclasses.dataclass
class Enum:
    name: str
    values: list  # of (name, number)
    comment: str = ""


@dataclasses.dataclass
class Method:
    service: str  # full
    name: str
    request: str
    response: str
    bindings: list  # of (verb, path, body)
    comment: str = ""


def lower(name):
    out, was_upper = "", True
    for i, char in enumerate(name):
        if char.isupper() and not was_upper and i:
            out += "_"
        was_upper = char.isupper()
        out += char.lower()
    return out


class Schema:
    def __init__(self, data):
        self.messages, self.enums, self.methods = {}, {}, []
        for raw in fields(data)[1]:
            self._file(fields(raw))

    def _file(self, found):
        package = text(found, 2)
        comments = {}
        for info in found[9]:
            for location in fields(info)[1]:
                where = fields(location)
                path = tuple(self._packed(where[1]))
                comments[path] = text(where, 3).strip()
        for i, raw in enumerate(found[4]):
            self._message(fields(raw), package, (4, i), comments)
        for i, raw in enumerate(found[5]):
            self._enum(fields(raw), package, (5, i), comments)
        for i, raw in enumerate(found[6]):
            self._service(fields(raw), package, (6, i), comments)

    @staticmethod
    def _packed(values):
        for value in values:
            if isinstance(value, int):
                yield value
                continue
            at = 0
            while at < len(value):
                number = shift = 0
                while True:
                    byte = value[at]
                    at += 1
                    number |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                yield number

    def _message(self, found, scope, path, comments):
        name = f"{scope}.{text(found, 1)}"
        oneofs = [text(fields(raw), 1) for raw in found[8]]
        members = []
        for i, raw in enumerate(found[2]):
            field = fields(raw)
            members.append(Field(text(field, 1), field[3][-1], KINDS[field[5][-1]], text(field, 6).lstrip("."),
                                 field[4][-1] == 3, oneofs[field[9][-1]] if field[9] else "",
                                 comments.get(path + (2, i), "")))
        options = fields(found[7][-1]) if found[7] else {}
        self.messages[name] = Message(name, members, bool(options and options[7] and options[7][-1]),
                                      comments.get(path, ""))
        for i, raw in enumerate(found[3]):
            self._message(fields(raw), name, path + (3, i), comments)
        for i, raw in enumerate(found[4]):
            self._enum(fields(raw), name, path + (4, i), comments)

    def _enum(self, found, scope, path, comments):
        name = f"{scope}.{text(found, 1)}"
        values = [fields(raw) for raw in found[2]]
        self.enums[name] = Enum(name, [(text(v, 1), v[2][-1] if v[2] else 0) for v in values],
                                comments.get(path, ""))

    def _service(self, found, package, path, comments):
        service = f"{package}.{text(found, 1)}"
        for i, raw in enumerate(found[2]):
            method = fields(raw)
            bindings = []
            for options in method[4]:
                for rule in fields(options)[HTTP_EXTENSION]:
                    bindings += self._bindings(fields(rule))
            self.methods.append(Method(service, text(method, 1), text(method, 2).lstrip("."),
                                       text(method, 3).lstrip("."), bindings, comments.get(path + (2, i), "")))

    def _bindings(self, rule):
        own = [(verb, text(rule, number), text(rule, 7)) for number, verb in VERBS.items() if rule[number]]
        for raw in rule[11]:
            own += self._bindings(fields(raw))
        return own


def load(path):
    with open(path, "rb") as file:
        return Schema(file.read())
