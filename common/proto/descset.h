/* descset.h - the API's descriptor set (a google.protobuf.FileDescriptorSet), part of the binary.
 */
#ifndef GNOMON_PROTO_DESCSET_H
#define GNOMON_PROTO_DESCSET_H

#include "common/base/slice.h"

struct slice proto_descriptor_set(void);

#endif
