# The API schema: from the pinned wheel into $(BUILD)/proto, compiled by protoc-c; never committed.
# scripts/fetch_api puts the .proto files under $(BUILD)/api (hash-checked).
PROTO_STAMP := $(BUILD)/proto/.stamp
# Tables and thin wrappers: compiled once, for every variant.
PROTO_LIB   := $(BUILD)/release/libproto.a

$(BUILD)/api/.stamp: scripts/fetch_api scripts/api.sha256
	scripts/fetch_api $(BUILD)/api
	@touch $@

$(PROTO_STAMP): $(BUILD)/api/.stamp scripts/gen_proto scripts/gen_api_names.py \
                scripts/gen_api_types.py scripts/gen_openapi.py scripts/descriptors.py
	scripts/gen_proto $(BUILD)/api $(BUILD)/proto
	@touch $@

# A sub-make, because the list of sources is only known once they are generated.
$(PROTO_LIB): $(PROTO_STAMP)
	@$(MAKE) --no-print-directory -f mk/proto_lib.mk OUT=$(BUILD)/release BUILD=$(BUILD) CC="$(CC)" \
		OPT="$(OPT_release)"
