#!/usr/bin/env python3
"""Write api.h: short names for what protoc-c generated.

For message temporal.api.common.v1.DataBlob: the type `api_data_blob`, its descriptor
`api_data_blob__desc` and initialiser `API_DATA_BLOB_INIT`. For every enum value, its own name
(`EVENT_TYPE_TIMER_STARTED`); for every case of a oneof, `API_<MESSAGE>_<CASE>`. A name that two packages share gets its package in front
(`api_deployment_...`). google.protobuf types become `pb_timestamp` and so on.

usage: gen_api_names.py GENERATED_FOLDER OUTPUT
"""
import collections
import pathlib
import re
import sys

folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
headers = sorted(folder.rglob("*.pb-c.h"))

types, descriptors, values, cases = {}, [], [], []
for header in headers:
    text = header.read_text()
    for name in re.findall(r"^typedef struct (?:_?\w+) (\w+);", text, re.M):
        types[name.replace("_", "").lower()] = name
    descriptors += re.findall(r"^extern const ProtobufCMessageDescriptor (\w+)__descriptor;", text, re.M)
    cases += re.findall(r"^\s+(TEMPORAL__API__(?!ENUMS)\w+?__V1__(\w+)) = \d+", text, re.M)
    values += re.findall(r"^\s+(TEMPORAL__API__ENUMS__V1__\w+?) = (-?\d+)", text, re.M)


def short(descriptor, with_package):
    match = re.match(r"temporal__api__(\w+?)__v1__(\w+)$", descriptor)
    if match:
        package, rest = match.groups()
        rest = rest.replace("__", "_")
        return f"api_{package}_{rest}" if with_package else f"api_{rest}"
    match = re.match(r"google__protobuf__(\w+)$", descriptor)
    if match:
        return "pb_" + match.group(1).replace("__", "_")
    match = re.match(r"google__rpc__(\w+)$", descriptor)
    return "rpc_" + match.group(1).replace("__", "_") if match else None


counts = collections.Counter(short(d, False) for d in descriptors)
lines = ["/* api.h - short names of the generated API messages; made by scripts/gen_api_names.py. */",
         "#ifndef GNOMON_API_H", "#define GNOMON_API_H", ""]
lines += [f'#include "{h.relative_to(folder)}"' for h in headers] + [""]
for descriptor in descriptors:
    name = short(descriptor, counts[short(descriptor, False)] > 1)
    if name is None:
        continue
    struct = types[descriptor.replace("_", "")]
    lines += [f"typedef {struct} {name};", f"#define {name}__desc {descriptor}__descriptor",
              f"#define {name.upper()}_INIT {descriptor.upper()}__INIT"]
for value, number in values:
    name = value.removeprefix("TEMPORAL__API__ENUMS__V1__").split("__", 1)[1]
    lines.append(f"#define {name} {number}")
case_counts = collections.Counter(name for _, name in cases)
for full, name in cases:
    if case_counts[name] == 1:
        lines.append(f"#define API_{name.replace('__', '_')} {full}")
lines += ["", "#endif", ""]
text = "\n".join(lines)
if not output.exists() or output.read_text() != text:
    output.write_text(text)
