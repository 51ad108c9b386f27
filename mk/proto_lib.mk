# Compiles the generated API code (no warnings: it is not ours).
MAKEFLAGS += --no-builtin-rules
SRC := $(shell find $(BUILD)/proto -name '*.pb-c.c')
OBJ := $(patsubst $(BUILD)/proto/%.c,$(OUT)/proto/%.o,$(SRC))

$(OUT)/libproto.a: $(OBJ)
	@rm -f $@
	@ar rcs $@ $(OBJ)

$(OUT)/proto/%.o: $(BUILD)/proto/%.c
	@mkdir -p $(@D)
	@$(CC) -std=c17 -w $(OPT) -I$(BUILD)/proto -c $< -o $@
