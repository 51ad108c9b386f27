# Tests: every x_test.c is a program of its own, linked with all libraries.
UNIT_SRC  := $(shell find common frontend history matching timers admin -name '*_test.c' 2>/dev/null | sort)
UNIT_EXES := $(patsubst %.c,$(OUT)/%,$(UNIT_SRC))

$(OUT)/%_test: $(OUT)/%_test.o $(OUT)/tests/lib/test.o $(LIBS) $(PROTO_LIB)
	@echo "  LD  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

quick: $(UNIT_EXES) ## unit tests only
	@scripts/run_units $(UNIT_EXES)

.PHONY: quick
