# Files that become part of the executables.
$(OUT)/common/proto/descset.o: CFLAGS += -DAPI_DESC='"$(BUILD)/proto/api.desc"'
$(OUT)/common/proto/descset.o: $(PROTO_STAMP)
$(OUT)/frontend/http/files.o: CFLAGS += -DOPENAPI_V2='"$(BUILD)/proto/openapiv2.json"' \
                                       -DOPENAPI_V3='"$(BUILD)/proto/openapiv3.yaml"'
$(OUT)/frontend/http/files.o: $(PROTO_STAMP)
