# Files that become part of the executables.
$(OUT)/common/proto/descset.o: CFLAGS += -DAPI_DESC='"$(BUILD)/proto/api.desc"'
$(OUT)/common/proto/descset.o: $(PROTO_STAMP)
