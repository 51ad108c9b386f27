# Libraries and executables: a folder's .c files (but main.c and tests) make its library.
sources = $(filter-out %_test.c %/main.c,$(shell find $(1) -name '*.c' 2>/dev/null | sort))
objects = $(patsubst %.c,$(OUT)/%.o,$(call sources,$(1)))

SERVICES := frontend history matching timers
LIBS     := $(foreach l,$(SERVICES) admin common,$(OUT)/lib$(l).a)
EXES     := $(patsubst %/main.c,$(OUT)/gnomon-%,$(wildcard $(SERVICES:%=%/main.c))) \
            $(OUT)/gnomon-run $(OUT)/gnomon-check $(OUT)/gnomon-admin

all: $(EXES) ## all executables of the chosen VARIANT

define service_lib
$(OUT)/lib$(1).a: $$(call objects,$(1))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(SERVICES) admin common,$(eval $(call service_lib,$(l))))

$(OUT)/%.o: %.c | $(PROTO_STAMP)
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CFLAGS) $(WARN) $(INCLUDES) -c $< -o $@

$(OUT)/gnomon-%: $(OUT)/%/main.o $(OUT)/lib%.a $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/gnomon-run: $(OUT)/admin/run/main.o $(OUT)/libadmin.a $(OUT)/libcommon.a
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/gnomon-check: $(OUT)/admin/check/main.o $(OUT)/libadmin.a $(OUT)/libhistory.a \
                     $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/gnomon-admin: $(OUT)/admin/tool/main.o $(OUT)/libadmin.a $(OUT)/libhistory.a \
                     $(OUT)/libcommon.a $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

clean: ## remove everything that was built
	rm -rf $(BUILD)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
.PHONY: all clean
.SECONDARY:
