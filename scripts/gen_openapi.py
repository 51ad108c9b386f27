#!/usr/bin/env python3
"""Write openapiv2.json and openapiv3.yaml: the API's HTTP paths and messages, from the descriptors.

usage: gen_openapi.py DESCRIPTOR_SET OUTPUT_FOLDER
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import descriptors  # noqa: E402

SERVICES = ("temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService")
SCALARS = {"double": ("number", "double"), "float": ("number", "float"), "int64": ("string", "int64"),
           "sint64": ("string", "int64"), "sfixed64": ("string", "int64"), "uint64": ("string", "uint64"),
           "fixed64": ("string", "uint64"), "int32": ("integer", "int32"), "sint32": ("integer", "int32"),
           "sfixed32": ("integer", "int32"), "uint32": ("integer", "int64"), "fixed32": ("integer", "int64"),
           "bool": ("boolean", None), "string": ("string", None), "bytes": ("string", "byte")}
WELL_KNOWN = {"google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
              "google.protobuf.Duration": {"type": "string"}, "google.protobuf.FieldMask": {"type": "string"},
              "google.protobuf.DoubleValue": {"type": "number", "format": "double"},
              "google.protobuf.Empty": {"type": "object"},
              "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}},
                                      "additionalProperties": {}},
              "temporal.api.common.v1.Payload": {
                  "description": "Any JSON value, or the full form: an object with base64 in `metadata` and `data`."}}
DEPTH_MAX = 4  # of query parameters that are members of members

schema = descriptors.load(sys.argv[1])


def prefix_of(version):
    return "#/definitions/" if version == 2 else "#/components/schemas/"


def short(name):
    """temporal.api.common.v1.Payload as v1Payload, members of messages with their message's name."""
    return re.sub(r"^.*?\.(v\d+|protobuf|rpc)\.", lambda m: m.group(1), name).replace(".", "")


class Document:
    def __init__(self, version):
        self.version, self.needed, self.names = version, [], {}

    def ref(self, name):
        key = short(name)
        while self.names.setdefault(key, name) != name:  # two packages have one of that name
            key += "_"
        if name not in self.needed:
            self.needed.append(name)
        return {"$ref": prefix_of(self.version) + key}

    def value(self, field):
        if field.kind == "message":
            message = schema.messages[field.type_name]
            if message.is_map:
                return {"type": "object", "additionalProperties": self.value(message.fields[1])}
            known = WELL_KNOWN.get(field.type_name)
            return dict(known) if known else self.ref(field.type_name)
        if field.kind == "enum":
            return self.ref(field.type_name)
        kind, form = SCALARS[field.kind]
        return {"type": kind, "format": form} if form else {"type": kind}

    def member(self, field):
        is_map = field.kind == "message" and schema.messages[field.type_name].is_map
        value = self.value(field)
        if field.repeated and not is_map:
            value = {"type": "array", "items": value}
        if field.comment and "$ref" not in value:
            value["description"] = field.comment
        return value

    def definition(self, name):
        if name in schema.enums:
            enum = schema.enums[name]
            result = {"type": "string", "enum": [value for value, _ in enum.values]}
            if self.version == 2:
                result["default"] = enum.values[0][0]
        else:
            message = schema.messages[name]
            result = {"type": "object"}
            if message.fields:
                result["properties"] = {f.json_name: self.member(f) for f in message.fields}
        comment = (schema.enums.get(name) or schema.messages.get(name)).comment
        if comment:
            result["description"] = comment
        return result

    def parameter(self, place, name, value, comment=""):
        result = {"name": name, "in": place, "required": place == "path"}
        if comment:
            result["description"] = comment
        if self.version == 2:
            if "$ref" in value:  # only enums come here
                key = value["$ref"].rsplit("/", 1)[1]
                value = {"type": "string", "enum": [v for v, _ in schema.enums[self.names[key]].values]}
            if value.get("type") == "array":
                items = value["items"]
                if "$ref" in items:
                    key = items["$ref"].rsplit("/", 1)[1]
                    items = {"type": "string", "enum": [v for v, _ in schema.enums[self.names[key]].values]}
                value = {"type": "array", "items": items, "collectionFormat": "multi"}
            value.pop("description", None)
            return {**result, **value}
        return {**result, "schema": value}

    def query(self, message, taken, prefix="", depth=0):
        for field in message.fields:
            name = prefix + field.json_name
            path = prefix + field.name
            if path in taken or name in taken:
                continue
            if field.kind == "message" and field.type_name not in WELL_KNOWN:
                inner = schema.messages[field.type_name]
                if not field.repeated and not inner.is_map and depth < DEPTH_MAX:
                    yield from self.query(inner, taken, name + ".", depth + 1)
            elif not (field.kind == "message" and field.type_name.endswith("Payload")):
                yield self.parameter("query", name, self.member(field), field.comment)

    def operation(self, method, index, verb, path, body):
        request = schema.messages[method.request]
        names = re.findall(r"\{([\w.]+)\}", path)
        parameters = []
        for name in names:
            message, field = request, None
            for part in name.split("."):
                field = next(f for f in message.fields if f.name == part)
                message = schema.messages.get(field.type_name)
            parameters.append(self.parameter("path", name, {"type": "string"}, field.comment))
        result = {"operationId": method.name + (str(index + 1) if index else ""),
                  "tags": [method.service.rsplit(".", 1)[1]]}
        if method.comment:
            result["summary"] = method.comment.split("\n")[0]
            result["description"] = method.comment
        error = self.ref("google.rpc.Status")
        answer = self.ref(method.response)
        if body:
            self.ref(method.request)
        if self.version == 2:
            if body:
                parameters.append({"name": "body", "in": "body", "required": True,
                                   "schema": self.ref(method.request)})
            result["responses"] = {"200": {"description": "A successful response.", "schema": answer},
                                   "default": {"description": "An error.", "schema": error}}
        else:
            if body:
                result["requestBody"] = {"required": True, "content": {
                    "application/json": {"schema": self.ref(method.request)}}}
            result["responses"] = {
                "200": {"description": "OK", "content": {"application/json": {"schema": answer}}},
                "default": {"description": "An error.", "content": {"application/json": {"schema": error}}}}
        if not body:
            parameters += list(self.query(request, names))
        if parameters:
            result["parameters"] = parameters
        return result

    def build(self):
        paths = {}
        for method in (m for s in SERVICES for m in schema.methods if m.service == s):
            for i, (verb, path, body) in enumerate(method.bindings):
                paths.setdefault(path, {})[verb.lower()] = self.operation(method, i, verb, path, body)
        definitions, done = {}, set()
        while len(done) < len(self.needed):
            for name in [n for n in self.needed if n not in done]:
                done.add(name)
                key = self.ref(name)["$ref"].rsplit("/", 1)[1]
                definitions[key] = self.definition(name)
        definitions = dict(sorted(definitions.items()))
        info = {"title": "Temporal API", "version": "v1",
                "description": "Workflow and operator service over HTTP."}
        if self.version == 2:
            return {"swagger": "2.0", "info": info, "consumes": ["application/json"],
                    "produces": ["application/json"], "paths": paths, "definitions": definitions}
        return {"openapi": "3.0.3", "info": info, "paths": paths, "components": {"schemas": definitions}}


def yaml(value, indent, out):
    """JSON data as YAML; strings as JSON writes them, which YAML reads as well."""
    pad = "    " * indent
    items = value.items() if isinstance(value, dict) else ((None, v) for v in value)
    for key, inner in items:
        head = f"{pad}{json.dumps(key, ensure_ascii=False)}:" if key is not None else f"{pad}-"
        if isinstance(inner, (dict, list)) and inner:
            out.append(head)
            yaml(inner, indent + 1, out)
        else:
            out.append(f"{head} {json.dumps(inner, ensure_ascii=False)}")


folder = pathlib.Path(sys.argv[2])
(folder / "openapiv2.json").write_text(json.dumps(Document(2).build(), indent=2, ensure_ascii=False) + "\n")
lines = ["# Generated from the API's schema."]
yaml(Document(3).build(), 0, lines)
(folder / "openapiv3.yaml").write_text("\n".join(lines) + "\n")
