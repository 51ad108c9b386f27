"""cluster_known.py - the clusters that a cluster knows: itself."""
import grpc
from temporalio.api.operatorservice.v1 import request_response_pb2 as operator


def ask(x, label, method, **fields):
    stub = x.channel.unary_unary(f"/temporal.api.operatorservice.v1.OperatorService/{method}",
                                 request_serializer=lambda m: m.SerializeToString(),
                                 response_deserializer=getattr(operator, method + "Response").FromString)
    try:
        return stub(getattr(operator, method + "Request")(**fields), timeout=10)
    except grpc.RpcError as error:
        x.show_error(label, error)
        return None


def play(x):
    for label, size in {"listed": 0, "in pages": 1, "in odd pages": -1}.items():
        listed = ask(x, label, "ListClusters", page_size=size)
        for cluster in listed.clusters:
            for own in ("cluster_id", "address", "http_address", "history_shard_count"):  # of each server
                cluster.ClearField(own)
        x.show(label, listed)
    ask(x, "itself removed", "RemoveRemoteCluster", cluster_name="active")
    ask(x, "another removed", "RemoveRemoteCluster", cluster_name="other")
    ask(x, "none removed", "RemoveRemoteCluster")
    ask(x, "itself added", "AddOrUpdateRemoteCluster", frontend_address=x.address)
    ask(x, "itself added, by name", "AddOrUpdateRemoteCluster",
        frontend_address="localhost:" + x.address.rpartition(":")[2], enable_remote_cluster_connection=True)
