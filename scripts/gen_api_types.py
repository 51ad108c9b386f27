#!/usr/bin/env python3
"""Write api_types.def and http_routes.def: the message types by name, and the HTTP paths of the methods.

usage: gen_api_types.py DESCRIPTOR_SET OUTPUT_FOLDER
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import descriptors  # noqa: E402

TYPES = re.compile(r"(temporal\.api|google\.protobuf|google\.rpc)\.")
# Schemas' own types, and the ones whose JSON nothing of the API needs.
LEFT_OUT = re.compile(r"google\.protobuf\.(\w*(Descriptor|Options|File|SourceCode|Generated|Uninterpreted|Feature)\w*"
                      r"|Struct|Value|ListValue|\w+Value)(\.|$)")
KEPT = {"google.protobuf.DoubleValue"}
SERVICES = ("temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService")

schema = descriptors.load(sys.argv[1])
out = pathlib.Path(sys.argv[2])


def write(name, lines):
    path, content = out / name, "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


messages = sorted((m for m in schema.messages.values()
                   if TYPES.match(m.name) and not m.is_map and (m.name in KEPT or not LEFT_OUT.match(m.name))),
                  key=lambda m: m.name.encode())
types = ["/* api_types.def - message types, and the members of oneofs; made by scripts/gen_api_types.py. */"]
for message in messages:
    types.append(f"API_TYPE({message.symbol})")
    types += [f'API_ONEOF({message.symbol}, {f.number}, "{f.oneof}")' for f in message.fields if f.oneof]
write("api_types.def", types)

# In the order in which they are tried: what was declared last first, as in the reference.
routes = []
for service in SERVICES:
    for method in (m for m in schema.methods if m.service == service):
        request, response = schema.messages[method.request], schema.messages[method.response]
        for verb, path, body in method.bindings:
            if not re.fullmatch(r"(/([\w.-]+|\{[\w.]+\}))+", path) or body not in ("", "*"):
                sys.exit(f"gen_api_types: {method.name}: {verb} {path} with body {body!r} is not understood")
            routes.append(f'HTTP_ROUTE({verb}, "{path}", {str(body == "*").lower()}, '
                          f'"/{service}/{method.name}", {request.symbol}, {response.symbol})')
write("http_routes.def",
      ["/* http_routes.def - HTTP paths of the API's methods; made by scripts/gen_api_types.py. */"] + routes[::-1])
