"""rpc_status.py - google.rpc.Status, declared here so that no further package is needed."""
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory


def _status_class():
    file = descriptor_pb2.FileDescriptorProto(name="oracle/status.proto", package="oracle", syntax="proto3",
                                              dependency=["google/protobuf/any.proto"])
    message = file.message_type.add(name="Status")
    field = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    message.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    message.field.add(name="details", number=3, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED,
                      type_name=".google.protobuf.Any")
    pool = descriptor_pool.DescriptorPool()
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    pool.Add(any_file)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("oracle.Status"))


Status = _status_class()
