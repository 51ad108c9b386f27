"""namespace_bad_ids.py - namespaces described by ids that name none."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    nobody = "01234567-0123-4123-8123-0123456789ab"
    for label, wrong in {
            "nobody's": nobody, "capitals": nobody.upper(), "no dashes": nobody.replace("-", ""), "braces": f"{{{nobody}}}",
            "URN": "urn:uuid:" + nobody, "no URN": "urn:guid:" + nobody, "brackets": f"[{nobody}]", "no UUID": "rubbish",
            "no digit": nobody[:-1] + "x", "no digit, no dashes": "x" * 32, "dash elsewhere": "0" + nobody[:-1],
            "blank": " ", "a name": "default", "empty UUID": "00000000-0000-0000-0000-000000000000",
            "no digit in braces": "{" + "x" * 36 + "}", "no digit in a URN": "urn:uuid:" + "x" * 36,
            "long": "x" * 1001}.items():
        x.call("DescribeNamespace", api.DescribeNamespaceRequest(id=wrong), label=label, show=True)
        x.call("DescribeNamespace", api.DescribeNamespaceRequest(id=wrong, weak_consistency=True),
               label=label + ", weak", show=True)
    x.call("DescribeNamespace", api.DescribeNamespaceRequest(), label="neither")
    x.call("DescribeNamespace", api.DescribeNamespaceRequest(id=nobody, namespace="default"), label="both")
    own = x.call("DescribeNamespace", api.DescribeNamespaceRequest(namespace="default")).namespace_info.id
    for label, form in {"capitals": own.upper(), "no dashes": own.replace("-", ""), "braces": f"{{{own}}}",
                        "URN": "urn:uuid:" + own, "itself": own}.items():
        shown = x.call("DescribeNamespace", api.DescribeNamespaceRequest(id=form), label="its own, " + label)
        x.say(f"== its own, {label}: {shown and shown.namespace_info.name == x.namespace}")
